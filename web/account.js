/** Who is logged in here: the HTTP side of logging in, staying logged in and logging out. */

import { HttpError, LoginNeeded } from './errors.js';

// The refresh token outlives the page; the access token stays in memory, where only it can look.
export const REFRESH = 'wsphone.refresh';
const LOCK = 'wsphone.refresh';
const HTTP_MS = 15_000;

/**
 * @typedef {{
 *   token: string, refresh_token: string, account?: { is_admin?: boolean },
 * }} Tokens
 */

export class Account {
  #storage;
  #locks;
  #device;
  /** @type {string | null} */
  #token = null;
  /** Whether the server said that this person may look after others. */
  isAdmin = false;

  /**
   * @param {Storage} storage @param {LockManager} locks
   * @param {() => import('./protocol.js').Device} device
   */
  constructor(storage, locks, device) {
    this.#storage = storage;
    this.#locks = locks;
    this.#device = device;
  }

  get known() {
    return this.#storage.getItem(REFRESH) !== null;
  }

  /** Rejects with HttpError. @param {string} username @param {string} password */
  async login(username, password) {
    const { app_state: _, ...device } = this.#device();
    this.#keep(await post('/api/login', { username, password, device }));
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
    try {
      return await send(method, path, body, await this.token());
    } catch (error) {
      if (!(error instanceof HttpError) || error.status !== 401) throw error;
      // It was good for the socket, which outlives it.
      this.refused();
      return await send(method, path, body, await this.token());
    }
  };

  /** The server did not take our access token. */
  refused() {
    this.#token = null;
  }

  /** Forget everything here at once; the server is told if it can be reached. */
  async logout() {
    const refresh_token = this.#storage.getItem(REFRESH);
    const token = this.#token;
    this.forget();
    if (refresh_token) await post('/api/logout', { refresh_token }, token).catch(() => {});
  }

  forget() {
    this.#token = null;
    this.#storage.removeItem(REFRESH);
  }

  /**
   * A refresh token is good for one use, and all tabs share it: the lock keeps a second tab from
   * using it at the same time, which the server would have to take for theft.
   * @returns {Promise<string>}
   */
  async #refresh() {
    const refresh_token = this.#storage.getItem(REFRESH);
    if (!refresh_token) throw new LoginNeeded();
    try {
      return this.#keep(await post('/api/token', { refresh_token }));
    } catch (error) {
      const refused = error instanceof HttpError && [400, 401, 403, 422].includes(error.status);
      if (!refused) throw error;
      this.forget();
      throw new LoginNeeded();
    }
  }

  /** @param {Tokens} tokens */
  #keep({ token, refresh_token, account }) {
    this.isAdmin = account?.is_admin ?? false;
    this.#storage.setItem(REFRESH, refresh_token);
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
  /** @type {Record<string, string>} */
  const headers = { 'Content-Type': 'application/json' };
  if (token) headers.Authorization = `Bearer ${token}`;
  const signal = AbortSignal.timeout(HTTP_MS);
  const sent = fetch(path, { method, headers, body: body && JSON.stringify(body), signal });
  const response = await sent.catch(() => {
    throw new HttpError(0);
  });
  if (!response.ok) throw new HttpError(response.status, retryAfter(response));
  return response.status === 204 ? null : await response.json();
}

/** @param {Response} response @returns {number | null} */
function retryAfter(response) {
  const seconds = Number.parseInt(response.headers.get('Retry-After') ?? '', 10);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : null;
}
