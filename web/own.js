/** What a person has in this browser: contacts, a list of calls, a welcome or none yet. */

import { CallLog } from './call_log.js';
import { Contacts } from './contacts.js';

export class Own {
  #storage;
  #welcomed;

  /** @param {Storage} storage @param {import('./protocol.js').Account} account */
  constructor(storage, account) {
    this.#storage = storage;
    this.#welcomed = `wsphone.welcomed.${account.id}`;
    this.account = account.id;
    this.address = account.address;
    this.contacts = new Contacts(storage, account);
    this.log = new CallLog(storage, account);
  }

  /** The first steps were gone through, or not wanted. */
  get welcomed() {
    return this.#storage.getItem(this.#welcomed) !== null;
  }

  welcome() {
    this.#storage.setItem(this.#welcomed, 'yes');
  }
}
