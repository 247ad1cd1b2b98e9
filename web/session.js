/** The session with the server: one socket at a time, requests that outlive it, events in order. */

import { Backoff } from './backoff.js';
import { LoginNeeded, NoAnswer } from './errors.js';
import { Requests } from './requests.js';

/** @typedef {import('./protocol.js').Place} Place */

/**
 * closed: nobody is logged in, or the session is not ours any more; connecting: a socket is being
 * opened; online; offline: waiting to try again.
 * @typedef {'closed' | 'connecting' | 'online' | 'offline'} LinkState
 */

/**
 * @typedef {{
 *   url: string,
 *   device: () => import('./protocol.js').Device,
 *   token: () => Promise<string>,
 *   tokenRefused: () => void,
 *   store: { place: Place | null },
 *   wokenBy: () => string | null,
 *   random: () => number,
 *   changed: () => void,
 *   opened: (opened: import('./protocol.js').Opened) => void,
 *   event: (method: string, params: any) => void,
 *   stopped: (why: 'login' | 'forbidden' | 'moved') => void,
 * }} SessionDeps `wokenBy`: the call that a person was notified of, and came for
 */

const SUBPROTOCOL = 'wsphone.v1';
const OPEN_MS = 10_000;
const REQUEST_MS = 15_000;
const PING_MS = 27_000;
const PONG_MS = 10_000;
// When there is a reason to doubt the socket, a person is looking and waits less long.
const PROBE_MS = 4_000;
const CLOSE_LOST = 1006;

export class Session {
  #deps;
  #backoff;
  #requests = new Requests();
  /** @type {WebSocket | null} */
  #socket = null;
  /** Which attempt to connect is the current one; an older one that is still waiting gives up. */
  #attempt = 0;
  /** One timer: the handshake's limit, the next ping or the next attempt. */
  #timer = 0;

  /** @param {SessionDeps} deps */
  constructor(deps) {
    this.#deps = deps;
    this.#backoff = new Backoff(deps.random);
    /** @type {LinkState} */
    this.state = 'closed';
  }

  start() {
    if (this.state === 'closed') void this.#connect();
  }

  /** End the session for good; the server lets go of its calls. */
  close() {
    this.mention('session.close', {});
    this.#hangUpSocket();
    this.#deps.store.place = null;
    this.#requests.abandonAll();
    this.#become('closed');
  }

  /**
   * Ask the server; what cannot be sent now waits for a socket, and fails at its time limit.
   * @type {import('./protocol.js').Request}
   */
  request = (method, params, { timeoutMs = REQUEST_MS } = {}) => {
    const { text, result } = this.#requests.add(method, params, { timeoutMs, repeat: true });
    if (this.state === 'online') this.#socket?.send(text);
    return result;
  };

  /**
   * Tell the server something that matters only now.
   * @param {string} method
   * @param {object} params
   */
  mention(method, params) {
    if (this.state === 'online') this.#ask(method, params, PONG_MS).catch(() => {});
  }

  /** The network may be back, or the page was asleep: find out at once. */
  nudge() {
    if (this.state === 'offline') void this.#connect();
    else if (this.state === 'online') void this.#ping(PROBE_MS);
  }

  // --- one socket

  async #connect() {
    this.#arm(null);
    this.#become('connecting');
    const attempt = ++this.#attempt;
    const token = await this.#token(attempt);
    if (token === null) return;
    const socket = new WebSocket(this.#deps.url, SUBPROTOCOL);
    this.#socket = socket;
    socket.onopen = () => void this.#open(socket, token);
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#lose(event.code);
    // A handshake may hang for as long as the network likes.
    this.#arm(() => this.#lose(CLOSE_LOST), OPEN_MS);
  }

  /**
   * @param {number} attempt
   * @returns {Promise<string | null>} null when it is over, and dealt with
   */
  async #token(attempt) {
    try {
      const token = await this.#deps.token();
      return attempt === this.#attempt ? token : null;
    } catch (error) {
      if (attempt !== this.#attempt) return null;
      if (error instanceof LoginNeeded) this.#stop('login');
      else this.#lose(CLOSE_LOST);
      return null;
    }
  }

  /** @param {WebSocket} socket @param {string} token */
  async #open(socket, token) {
    const place = this.#deps.store.place;
    const resume = place ? { resume: place } : {};
    const call = this.#deps.wokenBy();
    const woken = call ? { woken_by: call } : {};
    const params = { token, device: this.#deps.device(), ...resume, ...woken };
    try {
      const opened = await this.#ask('session.open', params, OPEN_MS);
      if (socket === this.#socket) this.#opened(socket, opened);
    } catch (error) {
      // A refusal is followed by its close code, which says what to do; silence by nothing.
      if (error instanceof NoAnswer && socket === this.#socket) this.#lose(CLOSE_LOST);
    }
  }

  /** @param {WebSocket} socket @param {import('./protocol.js').Opened} opened */
  #opened(socket, opened) {
    const { session, epoch, resumed } = opened;
    const seq = resumed ? (this.#deps.store.place?.seq ?? 0) : 0;
    this.#deps.store.place = { session, epoch, seq };
    this.#backoff.opened();
    this.#become('online');
    this.#armPing();
    for (const text of this.#requests.unanswered()) socket.send(text);
    this.#deps.opened(opened);
  }

  /** @param {unknown} data */
  #receive(data) {
    /** @type {any} */
    let message;
    try {
      message = JSON.parse(String(data));
    } catch {
      return;
    }
    if (typeof message?.method === 'string') this.#take(message.method, message.params ?? {});
    else if (message?.id !== undefined) this.#requests.settle(message);
  }

  /** Hand an event on, once. @param {string} method @param {any} params */
  #take(method, params) {
    const place = this.#deps.store.place;
    if (!place || typeof params.seq !== 'number') {
      this.#deps.event(method, params);
    } else if (params.seq > place.seq) {
      this.#deps.event(method, params);
      // After the event: a page that is reloaded before this line hears it again.
      this.#deps.store.place = { ...place, seq: params.seq };
    }
  }

  #armPing() {
    this.#arm(() => void this.#ping(PONG_MS), PING_MS);
  }

  /** Tell the server how far we are, and find out whether it is there. @param {number} pongMs */
  async #ping(pongMs) {
    const socket = this.#socket;
    this.#armPing();
    try {
      await this.#ask('session.ping', { seq: this.#deps.store.place?.seq ?? 0 }, pongMs);
      this.#backoff.healthy();
    } catch (error) {
      if (error instanceof NoAnswer && socket === this.#socket) this.#lose(CLOSE_LOST);
    }
  }

  /**
   * Send on this socket only.
   * @param {string} method
   * @param {object} params
   * @param {number} timeoutMs
   */
  #ask(method, params, timeoutMs) {
    const { text, result } = this.#requests.add(method, params, { timeoutMs, repeat: false });
    this.#socket?.send(text);
    return result;
  }

  // --- after a socket

  /** @param {number} code */
  #lose(code) {
    this.#hangUpSocket();
    const next = this.#backoff.next(code);
    if (next.step === 'fresh') this.#deps.store.place = null;
    if (next.step === 'renew') this.#deps.tokenRefused();
    if (next.step === 'login' || next.step === 'forbidden' || next.step === 'moved') {
      this.#stop(next.step);
      return;
    }
    this.#become('offline');
    this.#arm(() => void this.#connect(), next.waitMs);
  }

  /** @param {'login' | 'forbidden' | 'moved'} why */
  #stop(why) {
    this.#deps.store.place = null;
    this.#requests.abandonAll();
    this.#become('closed');
    this.#deps.stopped(why);
  }

  /** Let go of the socket now: its own close may take as long as a dead network does. */
  #hangUpSocket() {
    this.#arm(null);
    this.#attempt += 1;
    const socket = this.#socket;
    this.#socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    this.#requests.cut();
  }

  /** @param {(() => void) | null} action @param {number} [afterMs] */
  #arm(action, afterMs = 0) {
    window.clearTimeout(this.#timer);
    this.#timer = action ? window.setTimeout(action, afterMs) : 0;
  }

  /** @param {LinkState} state */
  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.#deps.changed();
  }
}
