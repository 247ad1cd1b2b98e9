/** Addresses as people type and read them. */

const LONGEST = 256;

/**
 * What to ask the server for: a name, an address or a number without the typist's separators.
 * @param {string} typed @returns {string | null} null when nothing can be dialled
 */
export function dialable(typed) {
  const text = typed.trim();
  const number = text.replace(/[\s().\/-]/g, '');
  const address = /^\+?[0-9*#]+$/.test(number) ? number : text;
  return address === '' || address.length > LONGEST || /\s/.test(address) ? null : address;
}

/**
 * Who that is, in words: the name when there is one, and the address when it says more.
 * @param {import('./protocol.js').Party} party
 */
export function shown({ name, address }) {
  const plain = address.replace(/^sips?:/i, '').replace(/[;?].*$/, '');
  const title = name?.trim() || plain.split('@')[0] || plain;
  return { title, detail: title === plain ? '' : plain, initials: initials(title) };
}

/** @param {string} title */
function initials(title) {
  const words = title.split(/[\s._-]+/).filter((word) => /^\p{L}/u.test(word));
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return letters.map((word) => Array.from(word ?? '')[0]?.toUpperCase() ?? '').join('');
}
