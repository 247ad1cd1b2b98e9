/** A list that the server keeps for the account: asked for while somebody looks at it. */

import { HttpError } from './errors.js';

/**
 * Asks something of the HTTP API. Rejects with LoginNeeded or HttpError.
 * @typedef {(method: string, path: string, body?: object) => Promise<any>} Ask
 */

const GONE = 404;

/** @template E */
export class AccountList {
  #ask;
  #path;
  #name;
  #changed;
  /** Counts the accounts and the questions: of several answers the last one asked for counts. */
  #turn = 0;
  /** @type {E[]} */
  list = [];
  /** The server has told what is in it. */
  known = false;
  /** Why the last question got no answer. @type {unknown} */
  trouble = null;

  /**
   * @param {Ask} ask @param {string} name in the path and in the answer
   * @param {() => void} changed
   */
  constructor(ask, name, changed) {
    this.#ask = ask;
    this.#path = `/api/${name}`;
    this.#name = name;
    this.#changed = changed;
  }

  /** Ask now. */
  async look() {
    const turn = ++this.#turn;
    /** @type {E[]} */
    let list = this.list;
    /** @type {unknown} */
    let trouble = null;
    try {
      list = (await this.#ask('GET', this.#path))[this.#name];
    } catch (error) {
      trouble = error;
    }
    if (turn !== this.#turn) return;
    this.list = list;
    this.known ||= trouble === null;
    this.trouble = trouble;
    this.#changed();
  }

  /** Rejects with LoginNeeded or HttpError. @param {object} entry @returns {Promise<any>} */
  async add(entry) {
    const added = await this.#ask('POST', this.#path, entry);
    await this.look();
    return added;
  }

  /**
   * Take an entry out; one that is gone already is as good. Rejects with LoginNeeded or HttpError.
   * @param {string} id
   */
  async remove(id) {
    await this.#ask('DELETE', `${this.#path}/${encodeURIComponent(id)}`).catch((error) => {
      if (!(error instanceof HttpError) || error.status !== GONE) throw error;
    });
    await this.look();
  }

  /** Somebody else may log in. */
  forget() {
    this.#turn += 1;
    this.list = [];
    this.known = false;
    this.trouble = null;
  }
}
