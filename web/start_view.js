/** The first steps: a microphone that is heard, somebody to call, and the call. */

import { fill, find, make, mark, say } from './dom.js';
import { MicrophoneTest } from './microphone_test.js';
import { peopleEntries } from './people_view.js';
import { callRow, reachability } from './rows.js';
import { refusalText, texts } from './texts.js';

/**
 * What the server answers to a new phone; `provisioning` where it serves settings to fetch.
 * @typedef {{
 *   username: string, secret: string, domain: string, proxy?: string, transport?: string,
 *   provisioning?: { url: string, qr: string },
 * }} NewPhone
 */

export class StartView {
  #people;
  #actions;
  #test;
  #words = find('start-words', HTMLElement);
  #list = find('start-people', HTMLElement);
  #waiting = find('start-waiting', HTMLElement);
  #finish = find('finish', HTMLButtonElement);
  #make = find('make-phone', HTMLButtonElement);
  #error = find('phone-error', HTMLElement);
  #ways = /** @type {const} */ (['linphone', 'browser']);
  /** @type {import('./own.js').Own | null} */
  own = null;
  /** A call was talked in since the steps were opened. */
  #talked = false;

  /**
   * @param {import('./people.js').People} people
   * @param {{
   *   call: (address: string) => void, microphone: () => Promise<MediaStream>,
   *   addPhone: (name: string) => Promise<NewPhone>, finish: () => void,
   * }} actions
   */
  constructor(people, actions) {
    this.#people = people;
    this.#actions = actions;
    const parts = {
      button: find('start-microphone', HTMLButtonElement),
      meter: find('start-level', HTMLElement),
      words: find('start-heard', HTMLElement),
    };
    this.#test = new MicrophoneTest(parts, actions.microphone, () => this.#done('microphone'));
    this.#finish.addEventListener('click', () => actions.finish());
    this.#make.addEventListener('click', () => void this.#makePhone());
    find('look-again', HTMLButtonElement).addEventListener('click', () => void people.look());
    say(find('page-address', HTMLElement), location.origin);
    for (const way of this.#ways) {
      find(`choose-${way}`, HTMLButtonElement).addEventListener('click', () => this.#choose(way));
    }
  }

  /** The steps come into sight, or are let be. @param {boolean} shown */
  show(shown) {
    if (!shown) this.#test.stop();
  }

  /** Somebody wants one more phone: what for it was made before is out of sight. */
  addPhone() {
    this.#forgetPhone();
    this.#choose('linphone');
    this.#make.focus();
  }

  /** A call was talked in: what led to it may be put away. */
  succeed() {
    this.#talked = true;
    this.#choose(null);
    this.render();
  }

  /** Begin anew, for whoever is logged in now. */
  reset() {
    this.#test.stop();
    this.#talked = false;
    for (const step of ['microphone', 'other', 'call']) {
      mark(find(`step-${step}`, HTMLElement), 'done', null);
    }
    this.#forgetPhone();
    this.#choose(null);
    this.render();
  }

  render() {
    const { own } = this;
    const everybody = own ? peopleEntries(this.#people.list, own.contacts, own.address) : [];
    const entries = everybody.filter((entry) => entry.reachable);
    fill(this.#list, entries, (entry) => [
      callRow(entry, reachability(true, entry.self ? texts.you : undefined), this.#actions.call),
    ]);
    this.#waiting.hidden = entries.length > 0;
    if (entries.length > 0) this.#done('other');
    if (this.#talked) this.#done('call');
    say(this.#words, this.#talked ? texts.startDone : texts.startHint);
    mark(this.#words, 'done', this.#talked ? '' : null);
    say(this.#finish, this.#talked ? texts.finish : texts.skip);
    if (!this.#test.running) this.#test.stop();
  }

  /** @param {'microphone' | 'other' | 'call'} step */
  #done(step) {
    mark(find(`step-${step}`, HTMLElement), 'done', '');
  }

  /** @param {'linphone' | 'browser' | null} chosen */
  #choose(chosen) {
    for (const way of this.#ways) {
      find(`way-${way}`, HTMLElement).hidden = way !== chosen;
      find(`choose-${way}`, HTMLElement).setAttribute('aria-expanded', String(way === chosen));
    }
  }

  async #makePhone() {
    this.#make.disabled = true;
    this.#error.hidden = true;
    try {
      this.#showPhone(await this.#actions.addPhone('Linphone'));
    } catch (error) {
      say(this.#error, refusalText(error, { full: texts.phonesFull }));
      this.#error.hidden = false;
    } finally {
      this.#make.disabled = false;
    }
  }

  /** Its password is for one person's eyes, once. */
  #forgetPhone() {
    find('phone-settings', HTMLElement).hidden = true;
    find('phone-fields', HTMLElement).replaceChildren();
    find('phone-qr', HTMLImageElement).removeAttribute('src');
    say(find('phone-url', HTMLElement), '');
    this.#make.hidden = false;
  }

  /** @param {NewPhone} phone */
  #showPhone({ username, secret, domain, proxy, transport = 'UDP', provisioning }) {
    const field = texts.field;
    const pairs = [
      [field.username, username],
      [field.password, secret],
      [field.domain, domain],
      [field.transport, transport],
      ...(proxy ? [[field.proxy, proxy]] : []),
    ];
    const drawn = pairs.flatMap(([term, value]) => [
      make('dt', { text: term ?? '' }),
      make('dd', {}, make('code', { text: value ?? '' })),
    ]);
    find('phone-fields', HTMLElement).replaceChildren(...drawn);
    find('phone-scan', HTMLElement).hidden = !provisioning;
    if (provisioning) {
      find('phone-qr', HTMLImageElement).src = provisioning.qr;
      say(find('phone-url', HTMLElement), provisioning.url);
    }
    find('phone-settings', HTMLElement).hidden = false;
    this.#make.hidden = true;
  }
}
