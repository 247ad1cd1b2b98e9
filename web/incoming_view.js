/** The dialog of a call that rings here. */

import { shown } from './address.js';
import { find, mark, say, takesText } from './dom.js';
import { errorText, moreCallsText, texts } from './texts.js';

/** @typedef {import('./call.js').Call} Call */
/** @typedef {import('./phone.js').Phone} Phone */

export class IncomingView {
  #layer = find('incoming-layer', HTMLElement);
  #from = find('incoming-from', HTMLElement);
  #initials = find('incoming-initials', HTMLElement);
  #detail = find('incoming-detail', HTMLElement);
  #words = find('incoming-words', HTMLElement);
  #more = find('incoming-more', HTMLElement);
  #notice = find('incoming-notice', HTMLElement);
  #accept = find('accept', HTMLButtonElement);
  #acceptLabel = find('accept-label', HTMLElement);
  #decline = find('decline', HTMLButtonElement);
  #phone;
  #who;
  /** The call that is shown. @type {Call | null} */
  #call = null;
  /** What had the focus before the dialog took it. @type {Element | null} */
  #before = null;
  /** Why the shown call could not be answered yet. */
  #trouble = '';

  /**
   * @param {Phone} phone
   * @param {(party: import('./protocol.js').Party) => import('./protocol.js').Party} who
   */
  constructor(phone, who) {
    this.#phone = phone;
    this.#who = who;
    this.#accept.addEventListener('click', () => this.accept());
    this.#decline.addEventListener('click', () => this.decline());
  }

  get shown() {
    return this.#call !== null;
  }

  accept() {
    if (!this.#call || this.#accept.disabled) return;
    this.#trouble = '';
    this.#phone.accept(this.#call).catch((error) => {
      this.#trouble = errorText(error);
      this.render();
    });
  }

  decline() {
    if (this.#call && !this.#decline.disabled) this.#phone.decline(this.#call);
  }

  render() {
    const [call = null, ...others] = this.#phone.incoming;
    const second = this.#phone.active !== null;
    mark(this.#layer, 'second', second ? '' : null);
    if (call !== this.#call) this.#trouble = '';
    if (call) this.#fill(call, others, second);
    this.#layer.hidden = call === null;
    if (call !== this.#call) this.#moveFocus(call, second);
    this.#call = call;
  }

  /** @param {Call} call @param {Call[]} others @param {boolean} second */
  #fill(call, others, second) {
    const { title, detail, initials } = shown(this.#who(call.peer));
    const pending = call.pending !== null;
    say(this.#from, title);
    say(this.#initials, initials);
    say(this.#detail, detail);
    say(this.#words, pending ? texts.pendingMicrophone : texts.incoming);
    say(this.#more, moreCallsText(others.map((other) => shown(this.#who(other.peer)).title)));
    this.#more.hidden = others.length === 0;
    say(this.#notice, this.#trouble);
    this.#notice.hidden = this.#trouble === '';
    say(this.#acceptLabel, second ? texts.endAndAccept : texts.accept);
    this.#accept.disabled = pending;
    this.#decline.disabled = pending;
  }

  /**
   * The first call takes the focus, so that Enter answers it; never from under somebody who types,
   * and never from a call that goes on.
   * @param {Call | null} call @param {boolean} second
   */
  #moveFocus(call, second) {
    const focused = document.activeElement;
    if (call === null) {
      if (this.#before instanceof HTMLElement) this.#before.focus();
      this.#before = null;
    } else if (!second && !(takesText(focused) && /** @type {any} */ (focused).value)) {
      this.#before ??= focused;
      this.#accept.focus();
    }
  }
}
