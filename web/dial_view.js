/** The dial field and the keypad, which types numbers before a call and sends digits during one. */

import { dialable } from './address.js';
import { find, say } from './dom.js';
import { texts } from './texts.js';

/** @typedef {import('./phone.js').Phone} Phone */

const SHOWN_DIGITS = 24;

export class DialView {
  #form = find('dial', HTMLFormElement);
  #input = find('dial-input', HTMLInputElement);
  #erase = find('erase', HTMLButtonElement);
  #call = find('dial-call', HTMLButtonElement);
  #keypad = find('keypad', HTMLElement);
  #digits = find('digits', HTMLElement);
  #phone;
  #actions;
  /** What was sent in this call. */
  #sent = { call: '', digits: '' };
  keypadOpen = false;

  /**
   * @param {Phone} phone
   * @param {{
   *   failed: (error: unknown) => void,
   *   say: (text: string) => void,
   *   key: (key: string) => void,
   *   emergency: (typed: string) => string | null,
   * }} actions
   */
  constructor(phone, actions) {
    this.#phone = phone;
    this.#actions = actions;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.dial(this.#input.value);
    });
    this.#input.addEventListener('input', () => this.render());
    this.#erase.addEventListener('click', () => {
      this.#input.value = this.#input.value.slice(0, -1);
      this.#input.focus();
      this.render();
    });
    this.#keypad.addEventListener('click', (event) => {
      const key = event.target instanceof Element ? event.target.closest('button') : null;
      if (key?.dataset.key) this.press(key.dataset.key);
    });
  }

  /** @param {string} typed */
  dial(typed) {
    const to = dialable(typed);
    const emergency = this.#actions.emergency(typed);
    if (emergency) {
      this.#actions.say(texts.emergency(emergency));
      return;
    }
    this.#actions.say(to ? '' : texts.dialBad);
    if (to) this.#phone.dial(to).catch(this.#actions.failed);
    else this.#input.focus();
  }

  /** A key of the keypad, by mouse or keyboard. @param {string} key */
  press(key) {
    this.#actions.key(key);
    const call = this.#phone.active;
    if (!call) {
      this.#input.value += key;
      this.render();
    } else if (call.state === 'talking') {
      this.#remember(call.id, key);
      call.press(key).catch(() => this.#actions.say(texts.digitLost));
    }
  }

  render() {
    const call = this.#phone.active;
    if (call?.state !== 'talking') this.keypadOpen = false;
    this.#form.hidden = this.#call.hidden = call !== null;
    this.#erase.hidden = this.#input.value === '';
    this.#call.disabled = this.#input.value.trim() === '';
    this.#keypad.hidden = call !== null && !this.keypadOpen;
    const digits = call && this.#sent.call === call.id ? this.#sent.digits : '';
    this.#digits.hidden = this.#keypad.hidden || digits === '';
    say(this.#digits, digits);
  }

  focus() {
    if (!this.#form.hidden) this.#input.focus();
  }

  clear() {
    this.#input.value = '';
    this.render();
  }

  /** @param {string} call @param {string} key */
  #remember(call, key) {
    const before = this.#sent.call === call ? this.#sent.digits : '';
    this.#sent = { call, digits: (before + key).slice(-SHOWN_DIGITS) };
    this.render();
  }
}
