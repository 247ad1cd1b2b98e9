/** The keys that the other side of a call pressed, for as long as somebody may read them. */

const READ_MS = 6_000;
const MOST_SHOWN = 24;

export class KeysHeard {
  #changed;
  #timer = 0;
  digits = '';

  /** @param {() => void} changed */
  constructor(changed) {
    this.#changed = changed;
  }

  /** @param {string} digits that follow the last, unless those were read already */
  add(digits) {
    this.digits = (this.digits + digits).slice(-MOST_SHOWN);
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.forget(), READ_MS);
    this.#changed();
  }

  forget() {
    window.clearTimeout(this.#timer);
    if (this.digits === '') return;
    this.digits = '';
    this.#changed();
  }
}
