/** The calls of everybody, as the server tells administrators of them. */

/**
 * Times are Unix seconds, `seconds` is talk time; an address is empty when its account was removed.
 * A call that goes on has no reason, code, by and ended_at; it is told as it was at `as_of`.
 * @typedef {{
 *   id: string, caller_address: string, callee_address: string, state: string,
 *   reason: string | null, code: number | null, by: string | null, started_at: number,
 *   answered_at: number | null, ended_at: number | null, as_of?: number, seconds: number,
 * }} ServerCall
 */

/**
 * @typedef {{
 *   after: number, what: string, side: string, leg: string | null, kind: string | null,
 *   device: string | null, reason: string | null, detail: string,
 * }} Hop
 */

/**
 * What became of one endpoint of the callee; times are Unix seconds.
 * @typedef {{
 *   leg: string | null, kind: string | null, device: string | null, verdict: string,
 *   reason: string | null, since: number, rang_at: number | null, answered_at: number | null,
 *   gone_at: number | null,
 * }} Branch
 */

/** @typedef {ServerCall & { branches: Branch[], hops: Hop[] }} CallReport */

const MOST = 100;

export class ServerCalls {
  #ask;

  /** @param {import('./account_list.js').Ask} ask */
  constructor(ask) {
    this.#ask = ask;
  }

  /** The newest first. Rejects as `ask` does. @returns {Promise<ServerCall[]>} */
  async recent() {
    return (await this.#ask('GET', `/api/admin/calls?limit=${MOST}`)).calls;
  }

  /** Rejects as `ask` does. @param {string} call @returns {Promise<CallReport>} */
  async report(call) {
    return await this.#ask('GET', `/api/admin/calls/${encodeURIComponent(call)}`);
  }
}
