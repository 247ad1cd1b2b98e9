/** The settings of being woken, with what stands in the way. */

import { find, say } from './dom.js';
import { texts } from './texts.js';

export class WakeSettings {
  #wake;
  #ring = find('choose-wake', HTMLInputElement);
  #missed = find('choose-missed', HTMLInputElement);
  #words = find('wake-words', HTMLElement);
  #trouble = find('wake-trouble', HTMLElement);

  /** @param {import('./wake.js').Wake} wake */
  constructor(wake) {
    this.#wake = wake;
    this.#ring.addEventListener('change', () => void wake.turn(this.#ring.checked));
    this.#missed.addEventListener('change', () => wake.tellMissed(this.#missed.checked));
  }

  render() {
    const { state, busy, missed } = this.#wake;
    const on = state === 'on' || state === 'failed';
    if (!busy) {
      this.#ring.checked = on;
      this.#missed.checked = on && missed;
    }
    this.#ring.disabled = busy || !(on || state === 'off');
    this.#missed.disabled = busy || !on;
    say(this.#words, busy ? '' : (texts.wakeWords[state] ?? ''));
    say(this.#trouble, busy ? '' : this.#why());
    this.#trouble.hidden = this.#trouble.textContent === '';
  }

  #why() {
    const { state, failure } = this.#wake;
    if (state === 'denied') return texts.noticesBlocked;
    return state === 'failed' ? (texts.wakeFailed[failure ?? 'service'] ?? '') : '';
  }
}
