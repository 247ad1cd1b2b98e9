/** The list of calls, each with how it went. */

import { isMissed } from './call_log.js';
import { fill, find, make, mark, symbol } from './dom.js';
import { callRow } from './rows.js';
import { durationText, reasonText, texts, whenText } from './texts.js';

/** @typedef {import('./call_log.js').LoggedCall} LoggedCall */

export class LogView {
  #list = find('calls-list', HTMLElement);
  #empty = find('calls-empty', HTMLElement);
  #foot = find('calls-foot', HTMLElement);
  #actions;
  /** @type {import('./own.js').Own | null} */
  own = null;

  /** @param {{ call: (address: string) => void }} actions */
  constructor(actions) {
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
    }));
    fill(this.#list, entries, (entry) => [this.#row(entry)]);
  }

  /**
   * @param {{
   *   address: string, name: string, about: string, when: string, missed: boolean,
   *   outgoing: boolean,
   * }} entry
   */
  #row({ address, name, about, when, missed, outgoing }) {
    const kind = outgoing ? texts.outgoing : missed ? texts.missed : texts.received;
    const arrow = make('span', { class: 'arrow' }, symbol('out'));
    arrow.title = kind;
    mark(arrow, 'kind', outgoing ? 'outgoing' : missed ? 'missed' : 'incoming');
    const spoken = make('span', { class: 'unseen', text: kind });
    const words = make('span', { class: 'about' }, arrow, spoken, make('span', { text: about }));
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
