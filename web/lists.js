/** What the server keeps for the account: its SIP phones, and whom it does not want to hear. */

import { AccountList } from './account_list.js';

/** @typedef {{ id: string, name: string, created_at: number, registered: boolean }} SipPhone */
/** @typedef {{ address: string, created_at: number }} Block */

export class Lists {
  /** @param {import('./account_list.js').Ask} ask @param {() => void} changed */
  constructor(ask, changed) {
    /** @type {AccountList<SipPhone>} */
    this.phones = new AccountList(ask, 'phones', changed);
    /** @type {AccountList<Block>} */
    this.blocked = new AccountList(ask, 'blocked', changed);
  }

  forget() {
    this.phones.forget();
    this.blocked.forget();
  }
}
