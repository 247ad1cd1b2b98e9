/** The list of calls, each with how it went. */

import { shown } from './address.js';
import { isMissed } from './call_log.js';
import { fill, find, make, mark, say, symbol } from './dom.js';
import { callRow } from './rows.js';
import { durationText, reasonText, refusalText, texts, whenText } from './texts.js';

/** @typedef {import('./call_log.js').LoggedCall} LoggedCall */

export class LogView {
  #list = find('calls-list', HTMLElement);
  #empty = find('calls-empty', HTMLElement);
  #foot = find('calls-foot', HTMLElement);
  #error = find('calls-error', HTMLElement);
  #blocked;
  #actions;
  /** @type {import('./own.js').Own | null} */
  own = null;

  /**
   * @param {import('./account_list.js').AccountList<import('./lists.js').Block>} blocked
   * @param {{ call: (address: string) => void }} actions
   */
  constructor(blocked, actions) {
    this.#blocked = blocked;
    this.#actions = actions;
    find('calls-clear', HTMLButtonElement).addEventListener('click', () => {
      this.own?.log.clear();
      this.render();
    });
  }

  render() {
    const { own } = this;
    const calls = own?.contacts.known(own.log.all()) ?? [];
    this.#empty.hidden = calls.length > 0;
    this.#foot.hidden = calls.length === 0;
    const entries = calls.map((call) => ({
      key: call.id,
      address: call.address,
      name: call.name ?? '',
      about: about(call),
      when: whenText(call.at, Date.now()),
      missed: isMissed(call),
      outgoing: call.direction === 'outgoing',
      blocked: this.#isBlocked(call),
    }));
    fill(this.#list, entries, (entry) => {
      const row = this.#row(entry);
      return entry.blocked === null ? [row] : [row, this.#blocker(entry, entry.blocked)];
    });
  }

  /** The calls come into sight, or are let be. @param {boolean} shown */
  show(shown) {
    this.#complain('');
    if (shown) void this.#blocked.look();
  }

  /**
   * Whether a caller is blocked; null where that is no question, or not known yet.
   * @param {LoggedCall} call
   */
  #isBlocked({ direction, address }) {
    const { own } = this;
    const { list, known } = this.#blocked;
    if (!own || !known || direction === 'outgoing') return null;
    if (own.contacts.same(address, own.address)) return null;
    return list.some((block) => own.contacts.same(block.address, address));
  }

  /**
   * One press blocks, another takes it back: nothing is lost by the wrong one.
   * @param {{ address: string, name: string }} party @param {boolean} blocked
   */
  #blocker(party, blocked) {
    const label = texts.block(shown(party).title);
    const button = make('button', { class: 'bare block', label }, symbol('block'));
    button.title = label;
    button.dataset.testid = 'block';
    button.setAttribute('aria-pressed', String(blocked));
    button.addEventListener('click', () => void this.#toggle(party.address, blocked, button));
    return button;
  }

  /** @param {string} address @param {boolean} blocked @param {HTMLButtonElement} button */
  async #toggle(address, blocked, button) {
    const { own } = this;
    if (!own || button.ariaBusy === 'true') return;
    button.ariaBusy = 'true';
    this.#complain('');
    try {
      const found = this.#blocked.list.find((block) => own.contacts.same(block.address, address));
      if (!blocked) await this.#blocked.add({ address });
      else if (found) await this.#blocked.remove(found.address);
    } catch (error) {
      const words = { invalid: texts.blockBad, full: texts.blockedFull };
      this.#complain(refusalText(error, words));
    }
    button.ariaBusy = null;
  }

  /** @param {string} text */
  #complain(text) {
    say(this.#error, text);
    this.#error.hidden = text === '';
  }

  /**
   * @param {{
   *   address: string, name: string, about: string, when: string, missed: boolean,
   *   outgoing: boolean, blocked: boolean | null,
   * }} entry
   */
  #row({ address, name, about, when, missed, outgoing, blocked }) {
    const kind = outgoing ? texts.outgoing : missed ? texts.missed : texts.received;
    const arrow = make('span', { class: 'arrow' }, symbol('out'));
    arrow.title = kind;
    mark(arrow, 'kind', outgoing ? 'outgoing' : missed ? 'missed' : 'incoming');
    const spoken = make('span', { class: 'unseen', text: kind });
    const text = blocked ? `${texts.isBlocked} · ${about}` : about;
    const words = make('span', { class: 'about' }, arrow, spoken, make('span', { text }));
    const row = callRow({ address, name }, words, this.#actions.call, make('time', { text: when }));
    mark(row, 'missed', missed ? '' : null);
    return row;
  }
}

/** @param {LoggedCall} call */
function about({ talked, seconds, reason, by, direction }) {
  if (talked) return texts.talkedFor(durationText(seconds));
  const side = direction === 'outgoing' ? 'caller' : 'callee';
  return reasonText({ reason, by, side, talkingSince: null });
}
