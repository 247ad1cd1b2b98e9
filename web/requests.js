/** Requests on their way: each is answered or given up in time, and none is lost in a cut. */

import { NoAnswer, RpcError } from './errors.js';

/**
 * @typedef {{
 *   method: string, text: string, timer: number, repeat: boolean,
 *   resolve: (result: any) => void, reject: (error: Error) => void,
 * }} Waiting
 */

export class Requests {
  #lastId = 0;
  /** In the order in which they were made. @type {Map<number, Waiting>} */
  #waiting = new Map();

  /**
   * Make a request; `text` is what to put on the wire, `result` settles with the answer.
   * @param {string} method @param {object} params
   * @param {{ timeoutMs: number, repeat: boolean }} options repeat: it may outlive its socket
   * @returns {{ text: string, result: Promise<any> }}
   */
  add(method, params, { timeoutMs, repeat }) {
    const id = ++this.#lastId;
    const text = JSON.stringify({ jsonrpc: '2.0', id, method, params });
    const result = new Promise((resolve, reject) => {
      const timer = window.setTimeout(() => {
        this.#waiting.delete(id);
        reject(new NoAnswer(method));
      }, timeoutMs);
      this.#waiting.set(id, { method, text, timer, repeat, resolve, reject });
    });
    return { text, result };
  }

  /** Take an answer; one to a request that was given up is passed over. @param {any} message */
  settle(message) {
    const request = this.#waiting.get(message.id);
    if (!request) return;
    this.#waiting.delete(message.id);
    window.clearTimeout(request.timer);
    if (message.error) request.reject(new RpcError(message.error));
    else request.resolve(message.result);
  }

  /** The socket is gone, and with it what belonged to it alone. */
  cut() {
    this.#abandon((request) => !request.repeat);
  }

  /** Nobody will ever answer. */
  abandonAll() {
    this.#abandon(() => true);
  }

  /**
   * What to send on a new socket, oldest first: all that lacks an answer. Nobody knows which of it
   * arrived, and the server takes repeats of every method.
   * @returns {string[]}
   */
  unanswered() {
    const repeated = [...this.#waiting.values()].filter((request) => request.repeat);
    return repeated.map((request) => request.text);
  }

  /** @param {(request: Waiting) => boolean} which */
  #abandon(which) {
    for (const [id, request] of [...this.#waiting]) {
      if (!which(request)) continue;
      this.#waiting.delete(id);
      window.clearTimeout(request.timer);
      request.reject(new NoAnswer(request.method));
    }
  }
}
