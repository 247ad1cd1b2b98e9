/** Finding and changing elements of the page. */

/**
 * The element with this id, of this kind; the page is ours, so a missing one is a bug.
 * @template {Element} T
 * @param {string} id @param {new () => T} kind @returns {T}
 */
export function find(id, kind) {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`the page lacks #${id}`);
  return element;
}

/**
 * Change a text only when it differs: live regions speak at every change.
 * @param {Element} element
 * @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Set a data attribute, or take it away.
 * @param {HTMLElement} element @param {string} name @param {string | null} value
 */
export function mark(element, name, value) {
  if (value === null) delete element.dataset[name];
  else element.dataset[name] = value;
}

/** Whether typing goes into this element. @param {EventTarget | null} target */
export function takesText(target) {
  return target instanceof HTMLInputElement;
}
