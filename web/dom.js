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
  return target instanceof HTMLInputElement && target.type !== 'checkbox';
}

/**
 * Whether this element has a use of its own for letters and digits.
 * @param {EventTarget | null} target
 */
export function takesKeys(target) {
  return takesText(target) || target instanceof HTMLSelectElement;
}

/**
 * A new element.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {{ class?: string, text?: string, label?: string }} [facts]
 * @param {...Node} children @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, facts = {}, ...children) {
  const element = document.createElement(tag);
  if (facts.class) element.className = facts.class;
  if (facts.text !== undefined) element.textContent = facts.text;
  if (facts.label) element.setAttribute('aria-label', facts.label);
  element.append(...children);
  return element;
}

/** One of the page's symbols. @param {string} name */
export function symbol(name) {
  const namespace = 'http://www.w3.org/2000/svg';
  const drawing = document.createElementNS(namespace, 'svg');
  const use = document.createElementNS(namespace, 'use');
  drawing.setAttribute('aria-hidden', 'true');
  use.setAttribute('href', `#i-${name}`);
  drawing.append(use);
  return drawing;
}

/**
 * Show entries as rows. A list that did not change is left as it is, and one that did keeps the
 * focus on the same entry: it may be renewed while somebody walks through it by keyboard.
 * @template {{ key: string }} E
 * @param {HTMLElement} list @param {E[]} entries plain data
 * @param {(entry: E) => Node[]} draw
 */
export function fill(list, entries, draw) {
  const content = JSON.stringify([document.documentElement.lang, entries]);
  if (list.dataset.content === content) return;
  list.dataset.content = content;
  const focused = document.activeElement?.closest('li');
  const place = focused?.parentElement === list ? focused.dataset.key : undefined;
  const button = [...(focused?.querySelectorAll('button') ?? [])].findIndex((one) => {
    return one === document.activeElement;
  });
  const rows = entries.map((entry) => {
    const row = make('li', {}, ...draw(entry));
    row.dataset.key = entry.key;
    return row;
  });
  list.replaceChildren(...rows);
  const buttons = rows.find((row) => row.dataset.key === place)?.querySelectorAll('button');
  if (place) (buttons?.[button] ?? buttons?.[0])?.focus();
}
