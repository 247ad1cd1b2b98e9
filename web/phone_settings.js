/** The account's SIP phones: which there are, which are there now, and the removal of old ones. */

import { fill, find, make, say, symbol } from './dom.js';
import { reachability, row } from './rows.js';
import { refusalText, texts, whenText } from './texts.js';

/** @typedef {import('./lists.js').SipPhone} SipPhone */
/**
 * @typedef {{
 *   key: string, name: string, about: string, registered: boolean, asked: boolean,
 * }} Entry
 */

export class PhoneSettings {
  #words = find('phones-words', HTMLElement);
  #list = find('phones-list', HTMLElement);
  #error = find('phones-error', HTMLElement);
  #add = find('phone-add', HTMLButtonElement);
  #phones;
  /** The phone that is to go, once a person has said so again. @type {string | null} */
  #asked = null;

  /**
   * @param {import('./account_list.js').AccountList<SipPhone>} phones
   * @param {() => void} add
   */
  constructor(phones, add) {
    this.#phones = phones;
    this.#add.addEventListener('click', add);
    this.#list.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.#ask(null);
    });
  }

  /** Let go of what was asked and of what went wrong. */
  reset() {
    this.#asked = null;
    this.#complain('');
  }

  render() {
    const { list, known, trouble } = this.#phones;
    const words = trouble ? texts.listStale : known && list.length === 0 ? texts.noPhones : '';
    say(this.#words, words);
    this.#words.hidden = words === '';
    const entries = list.map(({ id, name, created_at, registered }) => ({
      key: id,
      name,
      about: texts.phoneAbout(registered, whenText(created_at * 1000, Date.now())),
      registered,
      asked: id === this.#asked,
    }));
    fill(this.#list, entries, (entry) => this.#draw(entry));
  }

  /** @param {Entry} entry */
  #draw({ key, name, about, registered, asked }) {
    const words = asked
      ? make('span', { class: 'about', text: texts.phoneGone })
      : reachability(registered, about);
    const shown = row(symbol('phone'), name, words);
    if (!asked) {
      const ask = make('button', { class: 'bare', label: texts.remove(name) }, symbol('close'));
      ask.dataset.testid = 'phone-ask';
      ask.addEventListener('click', () => this.#ask(key));
      return [shown, ask];
    }
    const remove = make('button', { class: 'quiet danger', text: texts.removeNow });
    remove.setAttribute('aria-label', texts.remove(name));
    remove.dataset.testid = 'phone-remove';
    remove.addEventListener('click', () => void this.#remove(key, remove));
    const keep = make('button', { class: 'quiet', text: texts.cancel });
    keep.addEventListener('click', () => this.#ask(null));
    return [shown, make('span', { class: 'choice' }, remove, keep)];
  }

  /**
   * A phone that is removed is silent at once, and its password is gone: ask again.
   * @param {string | null} phone
   */
  #ask(phone) {
    this.#asked = phone;
    this.#complain('');
    this.render();
  }

  /** @param {string} phone @param {HTMLButtonElement} button */
  async #remove(phone, button) {
    button.disabled = true;
    try {
      await this.#phones.remove(phone);
      this.#asked = null;
      this.#add.focus();
    } catch (error) {
      this.#complain(refusalText(error));
      button.disabled = false;
    }
    this.render();
  }

  /** @param {string} text */
  #complain(text) {
    say(this.#error, text);
    this.#error.hidden = text === '';
  }
}
