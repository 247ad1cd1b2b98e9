/** What the page and its service worker both have to know; a worker sees no localStorage. */

const DATABASE = 'wsphone';
const STORE = 'kept';

/**
 * refresh: the login's refresh token; device: this browser, as `session.open` wants it; language:
 * in which the worker speaks; wake: the wish to be pushed; missed: calls that only a push told of.
 * @typedef {'refresh' | 'device' | 'language' | 'wake' | 'missed'} Key
 */

/**
 * To be pushed calls, and missed ones too; `key` is the server's, in base64url.
 * @typedef {{ key: string, missed: boolean }} Wish
 */

/** @typedef {{ id: string, address: string, name: string | null, at: number }} MissedCall */

export class Vault {
  /** @type {Promise<IDBDatabase> | null} */
  #opened = null;

  /** Null where nothing is kept. @param {Key} key @returns {Promise<any>} */
  async get(key) {
    return (await this.#run('readonly', (store) => store.get(key))) ?? null;
  }

  /** @param {Key} key @param {unknown} value @returns {Promise<void>} */
  async put(key, value) {
    await this.#run('readwrite', (store) => store.put(value, key));
  }

  /**
   * Put what `change` makes of the value, with nobody else's in between.
   * @param {Key} key @param {(value: any) => unknown} change
   * @returns {Promise<any>} the value before, null where none was
   */
  async change(key, change) {
    const before = await this.#run('readwrite', (store) => {
      const read = store.get(key);
      read.addEventListener('success', () => store.put(change(read.result ?? null), key));
      return read;
    });
    return before ?? null;
  }

  /** Forget all of it. */
  async clear() {
    await this.#run('readwrite', (store) => store.clear());
  }

  /**
   * Run one transaction; they take effect in the order in which they were begun.
   * @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest} act
   * @returns {Promise<any>}
   */
  async #run(mode, act) {
    const database = await (this.#opened ??= this.#open());
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    });
  }

  /** @returns {Promise<IDBDatabase>} */
  #open() {
    return new Promise((resolve, reject) => {
      const again = () => {
        this.#opened = null;
      };
      const request = indexedDB.open(DATABASE, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE);
      request.onsuccess = () => {
        // The browser closes it when somebody clears the site's data.
        request.result.onclose = again;
        resolve(request.result);
      };
      request.onerror = () => {
        again();
        reject(request.error);
      };
    });
  }
}
