/** Which parts are in sight: one on a narrow screen, the keypad and another on a wide one. */

import { find } from './dom.js';

/** @typedef {'phone' | 'people' | 'calls' | 'settings' | 'start'} View */

const WIDE = '(min-width: 56rem)';
const VIEWS = /** @type {View[]} */ (['phone', 'people', 'calls', 'settings', 'start']);

export class Views {
  #bar = find('parts', HTMLElement);
  #buttons = [...this.#bar.querySelectorAll('button')];
  #wide = window.matchMedia(WIDE);
  #changed;
  #on = false;
  /** @type {View} */
  #chosen = 'phone';

  /** @param {() => void} changed */
  constructor(changed) {
    this.#changed = changed;
    this.#wide.addEventListener('change', () => this.#arrange());
    for (const button of this.#buttons) {
      const view = /** @type {View} */ (button.dataset.view);
      button.addEventListener('click', () => this.choose(view));
    }
  }

  /** The part that is chosen; beside the keypad of a wide screen there always is one. */
  get current() {
    return this.#wide.matches && this.#chosen === 'phone' ? 'people' : this.#chosen;
  }

  /** Whether a part is in sight. @param {View} view */
  shows(view) {
    return this.#on && (view === this.current || (view === 'phone' && this.#wide.matches));
  }

  /** @param {View} view */
  choose(view) {
    if (view === this.#chosen) return;
    this.#chosen = view;
    this.#arrange();
    window.scrollTo(0, 0);
  }

  /** Somebody is logged in, or nobody is. @param {boolean} on */
  turn(on) {
    this.#on = on;
    if (!on) this.#chosen = 'phone';
    this.#arrange();
  }

  #arrange() {
    for (const view of VIEWS) find(view, HTMLElement).hidden = !this.shows(view);
    this.#bar.hidden = !this.#on;
    for (const button of this.#buttons) {
      button.hidden = this.#wide.matches && button.dataset.view === 'phone';
      if (button.dataset.view === this.current) button.setAttribute('aria-current', 'page');
      else button.removeAttribute('aria-current');
    }
    this.#changed();
  }
}
