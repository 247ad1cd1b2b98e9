/** What belongs to this tab and outlives its reload: the session's place and the calls. */

/** @typedef {import('./protocol.js').Place} Place */

const PLACE = 'wsphone.place';
const CALLS = 'wsphone.calls';
// A page that is going away gives its lock back at once; another tab never does.
const LOCK_WAIT_MS = 500;

export class Tab {
  /** @type {Place | null} */
  #place;
  /** The sessions whose locks this page has. @type {Set<string>} */
  #held = new Set();

  /** @param {Storage} storage the tab's own, sessionStorage */
  constructor(storage) {
    this.storage = storage;
    this.#place = /** @type {Place | null} */ (this.#read(PLACE));
  }

  /** Where this tab stands in its session's events, or null before the first session. */
  get place() {
    return this.#place;
  }

  set place(place) {
    this.#place = place;
    this.#write(PLACE, place);
  }

  /** The last snapshots of this tab's calls. @returns {import('./call.js').CallSnapshot[]} */
  get calls() {
    return /** @type {import('./call.js').CallSnapshot[] | null} */ (this.#read(CALLS)) ?? [];
  }

  set calls(snapshots) {
    this.#write(CALLS, snapshots.length ? snapshots : null);
  }

  forget() {
    this.place = null;
    this.calls = [];
  }

  /**
   * Make sure that no other tab holds our session. Browsers copy sessionStorage into a duplicated
   * tab; resuming there would take the session, and its call, away from the original.
   * @param {LockManager} locks
   */
  async claim(locks) {
    const session = this.#place?.session;
    if (session && !(await this.#hold(locks, session))) this.forget();
  }

  /** Keep our session from duplicates of this tab. @param {LockManager} locks */
  async keep(locks) {
    if (this.#place) await this.#hold(locks, this.#place.session);
  }

  /** @param {LockManager} locks @param {string} session @returns {Promise<boolean>} */
  #hold(locks, session) {
    if (this.#held.has(session)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const signal = AbortSignal.timeout(LOCK_WAIT_MS);
      const held = locks.request(`wsphone.session.${session}`, { signal }, () => {
        this.#held.add(session);
        resolve(true);
        return new Promise(() => {});
      });
      held.catch(() => resolve(false));
    });
  }

  /** @param {string} key @returns {unknown} */
  #read(key) {
    try {
      return JSON.parse(this.storage.getItem(key) ?? 'null');
    } catch {
      return null;
    }
  }

  /** @param {string} key @param {unknown} value */
  #write(key, value) {
    if (value === null) this.storage.removeItem(key);
    else this.storage.setItem(key, JSON.stringify(value));
  }
}
