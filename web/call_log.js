/** The last calls of an account in this browser: with whom, when, and how they ended. */

import { readList, writeList } from './kept.js';

export const MOST_CALLS = 100;

/**
 * @typedef {{
 *   id: string, direction: 'outgoing' | 'incoming', address: string, name: string | null,
 *   at: number, seconds: number, talked: boolean, reason: string | null, by: string | null,
 * }} LoggedCall
 */

/** @param {any} entry @returns {entry is LoggedCall} */
function isCall(entry) {
  return (
    typeof entry?.id === 'string' &&
    typeof entry.address === 'string' &&
    typeof entry.at === 'number' &&
    typeof entry.seconds === 'number' &&
    (entry.direction === 'outgoing' || entry.direction === 'incoming')
  );
}

/** Nobody answered here, or anywhere else, what came in. @param {LoggedCall} call */
export function isMissed({ direction, talked, reason }) {
  return direction === 'incoming' && !talked && (reason === 'no_answer' || reason === 'cancelled');
}

export class CallLog {
  #storage;
  #key;

  /** @param {Storage} storage @param {import('./protocol.js').Account} account */
  constructor(storage, account) {
    this.#storage = storage;
    this.#key = `wsphone.log.${account.id}`;
  }

  /** The latest first. @returns {LoggedCall[]} */
  all() {
    return readList(this.#storage, this.#key, isCall);
  }

  /** @param {import('./call.js').Call} call that is over @param {number} now */
  add(call, now) {
    const calls = this.all();
    const talked = call.talkingSince !== null;
    // The tabs of this browser ring together: the one that talked knows best how it went.
    if (!talked && calls.some(({ id }) => id === call.id)) return;
    const entry = {
      id: call.id,
      direction: call.direction,
      address: call.peer.address,
      name: call.peer.name ?? null,
      at: now - call.seconds * 1000,
      seconds: call.seconds,
      talked,
      reason: call.reason,
      by: call.by,
    };
    const others = calls.filter(({ id }) => id !== call.id);
    writeList(this.#storage, this.#key, [entry, ...others].slice(0, MOST_CALLS));
  }

  /**
   * Add calls that came while no page was open.
   * @param {import('./vault.js').MissedCall[]} missed the latest first
   */
  addMissed(missed) {
    const calls = this.all();
    const unknown = missed.filter(({ id }) => !calls.some((call) => call.id === id));
    const facts = { seconds: 0, talked: false, reason: 'no_answer', by: 'server' };
    const added = unknown.map((call) => ({ ...call, ...facts, direction: 'incoming' }));
    writeList(this.#storage, this.#key, [...added, ...calls].slice(0, MOST_CALLS));
  }

  clear() {
    writeList(this.#storage, this.#key, []);
  }
}
