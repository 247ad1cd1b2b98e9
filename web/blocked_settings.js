/** The block list: who is on it, and how one gets there and off again. */

import { dialable, shown } from './address.js';
import { fill, find, make, say, symbol } from './dom.js';
import { face, row } from './rows.js';
import { refusalText, texts } from './texts.js';

/** @typedef {import('./lists.js').Block} Block */
/** @typedef {import('./protocol.js').Party} Party */

export class BlockedSettings {
  #words = find('blocked-words', HTMLElement);
  #list = find('blocked-list', HTMLElement);
  #form = find('block', HTMLFormElement);
  #address = find('block-address', HTMLInputElement);
  #submit = find('block-submit', HTMLButtonElement);
  #error = find('block-error', HTMLElement);
  #blocked;
  #who;
  /** Whose list this is. @type {import('./own.js').Own | null} */
  #own = null;

  /**
   * @param {import('./account_list.js').AccountList<Block>} blocked
   * @param {(party: Party) => Party} who
   */
  constructor(blocked, who) {
    this.#blocked = blocked;
    this.#who = who;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#block();
    });
  }

  /** @param {import('./own.js').Own | null} own */
  set own(own) {
    this.#own = own;
    this.#form.reset();
    this.#complain('');
  }

  render() {
    const { list, known, trouble } = this.#blocked;
    const words = trouble ? texts.listStale : known && list.length === 0 ? texts.nobodyBlocked : '';
    say(this.#words, words);
    this.#words.hidden = words === '';
    const entries = list.map(({ address }) => {
      const { name } = this.#who({ address });
      return { key: address, address, name: name ?? '' };
    });
    fill(this.#list, entries, (entry) => {
      const { title, initials } = shown(entry);
      const about = make('span', { class: 'about', text: entry.address });
      return [row(face(initials), title, about), this.#freer(entry.address, title)];
    });
  }

  /** @param {string} address @param {string} title */
  #freer(address, title) {
    const button = make('button', { class: 'bare', label: texts.unblock(title) }, symbol('close'));
    button.addEventListener('click', async () => {
      button.disabled = true;
      await this.#try(() => this.#blocked.remove(address));
      button.disabled = false;
      this.#submit.focus();
    });
    return button;
  }

  async #block() {
    const address = dialable(this.#address.value);
    if (!address) return this.#complain(texts.blockBad);
    if (this.#own?.contacts.same(address, this.#own.address)) {
      return this.#complain(texts.blockSelf);
    }
    this.#submit.disabled = true;
    await this.#try(async () => {
      await this.#blocked.add({ address });
      this.#form.reset();
    });
    this.#submit.disabled = false;
  }

  /** @param {() => Promise<void>} step */
  async #try(step) {
    this.#complain('');
    try {
      await step();
    } catch (error) {
      this.#complain(refusalText(error, { invalid: texts.blockBad, full: texts.blockedFull }));
    }
  }

  /** @param {string} text */
  #complain(text) {
    say(this.#error, text);
    this.#error.hidden = text === '';
  }
}
