/** Numbers that people dial when they need help, and that this system cannot reach. */

import { readList, writeList } from './kept.js';

const KEY = 'wsphone.emergency';

/** @param {any} entry @returns {entry is string} */
function isNumber(entry) {
  return typeof entry === 'string';
}

/**
 * The server decides; but who dials these is told at once, before a microphone is asked for. What
 * the server said last is kept, for a page that has no network just now.
 */
export class EmergencyNumbers {
  #storage;

  /** @param {Storage} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  /** @param {string[]} numbers as the server lists them */
  keep(numbers) {
    writeList(this.#storage, KEY, numbers);
  }

  /**
   * The emergency number that somebody typed, in any of its spellings, or null.
   * @param {string} typed
   */
  find(typed) {
    const user = typed.trim().replace(/^(sips?|tel):/i, '').split(/[@;]/)[0] ?? '';
    const number = user.replace(/[\s().\/-]/g, '');
    return readList(this.#storage, KEY, isNumber).includes(number) ? number : null;
  }
}
