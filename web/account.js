/** Who is logged in here: the HTTP side of logging in, staying logged in and logging out. */

import { HttpError, LoginNeeded } from './errors.js';

// Tells the tabs that somebody is logged in. The refresh token itself is in the vault, where the
// service worker has it too; the access token stays in memory, where only its page can look.
export const LOGGED_IN = 'wsphone.login';
const LOCK = 'wsphone.refresh';
const HTTP_MS = 15_000;
const FILE_MS = 120_000;

/**
 * @typedef {{
 *   token: string, refresh_token: string, account?: { is_admin?: boolean },
 * }} Tokens
 */

export class Account {
  #vault;
  #locks;
  #storage;
  /** @type {string | null} */
  #token = null;
  /** Whether the server said that this person may look after others. */
  isAdmin = false;

  /**
   * @param {import('./vault.js').Vault} vault @param {LockManager} locks
   * @param {Storage | null} storage the tabs' own, for the word that somebody is logged in
   */
  constructor(vault, locks, storage) {
    this.#vault = vault;
    this.#locks = locks;
    this.#storage = storage;
  }

  get known() {
    return (this.#storage?.getItem(LOGGED_IN) ?? null) !== null;
  }

  /**
   * Rejects with HttpError.
   * @param {string} username @param {string} password
   * @param {import('./protocol.js').Device} device
   */
  async login(username, password, { app_state: _, ...device }) {
    await this.#keep(await post('/api/login', { username, password, device }));
    this.#storage?.setItem(LOGGED_IN, 'yes');
  }

  /** An access token that the server took the last time. Rejects with LoginNeeded or HttpError. */
  async token() {
    return this.#token ?? (await this.#locks.request(LOCK, () => this.#refresh()));
  }

  /**
   * Ask something of the HTTP API. Rejects with LoginNeeded or HttpError.
   * @type {import('./account_list.js').Ask}
   */
  ask = async (method, path, body) => {
    return await this.#withToken((token) => send(method, path, body, token));
  };

  /** A file of the HTTP API. Rejects as `ask` does. @param {string} path */
  file = async (path) => {
    return await this.#withToken(async (token) => {
      const response = await exchange(path, { headers: bearer(token) }, FILE_MS);
      return await response.blob();
    });
  };

  /** The server did not take our access token. */
  refused() {
    this.#token = null;
  }

  /** Forget everything here at once; the server is told if it can be reached. */
  async logout() {
    const kept = this.#vault.get('refresh');
    const token = this.#token;
    this.forget();
    const refresh_token = await kept;
    if (refresh_token) await post('/api/logout', { refresh_token }, token).catch(() => {});
  }

  forget() {
    this.#token = null;
    this.#storage?.removeItem(LOGGED_IN);
    void this.#vault.clear();
  }

  /**
   * A refresh token is good for one use, and all tabs share it with the worker: the lock keeps a
   * second one from using it at the same time, which the server would have to take for theft.
   * @returns {Promise<string>}
   */
  async #refresh() {
    const refresh_token = await this.#vault.get('refresh');
    if (!refresh_token) throw new LoginNeeded();
    try {
      return await this.#keep(await post('/api/token', { refresh_token }));
    } catch (error) {
      const refused = error instanceof HttpError && [400, 401, 403, 422].includes(error.status);
      if (!refused) throw error;
      this.forget();
      throw new LoginNeeded();
    }
  }

  /** @template T @param {(token: string) => Promise<T>} work @returns {Promise<T>} */
  async #withToken(work) {
    try {
      return await work(await this.token());
    } catch (error) {
      if (!(error instanceof HttpError) || error.status !== 401) throw error;
      // It was good for the socket, which outlives it.
      this.refused();
      return await work(await this.token());
    }
  }

  /** @param {Tokens} tokens */
  async #keep({ token, refresh_token, account }) {
    this.isAdmin = account?.is_admin ?? false;
    await this.#vault.put('refresh', refresh_token);
    this.#token = token;
    return token;
  }
}

/** @param {string} path @param {object} body @param {string | null} [token] */
function post(path, body, token = null) {
  return send('POST', path, body, token);
}

/**
 * @param {string} method @param {string} path @param {object} [body] @param {string | null} [token]
 * @returns {Promise<any>}
 */
async function send(method, path, body, token = null) {
  const headers = { 'Content-Type': 'application/json', ...bearer(token) };
  const asked = { method, headers, body: body && JSON.stringify(body) };
  const response = await exchange(path, asked, HTTP_MS);
  return response.status === 204 ? null : await response.json();
}

/** @param {string | null} token @returns {Record<string, string>} */
function bearer(token) {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** @param {string} path @param {RequestInit} asked @param {number} timeoutMs of all of it */
async function exchange(path, asked, timeoutMs) {
  const sent = fetch(path, { ...asked, signal: AbortSignal.timeout(timeoutMs) });
  const response = await sent.catch(() => {
    throw new HttpError(0);
  });
  if (!response.ok) throw new HttpError(response.status, retryAfter(response));
  return response;
}

/** @param {Response} response @returns {number | null} */
function retryAfter(response) {
  const seconds = Number.parseInt(response.headers.get('Retry-After') ?? '', 10);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : null;
}
