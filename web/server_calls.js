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

/**
 * `recorded_seconds` is 0 for a call that was not recorded.
 * @typedef {ServerCall & { branches: Branch[], hops: Hop[], recorded_seconds: number }} CallReport
 */

const MOST = 100;

export class ServerCalls {
  #ask;
  #file;

  /**
   * @param {import('./account_list.js').Ask} ask @param {(path: string) => Promise<Blob>} file
   */
  constructor(ask, file) {
    this.#ask = ask;
    this.#file = file;
  }

  /** The newest first. Rejects as `ask` does. @returns {Promise<ServerCall[]>} */
  async recent() {
    return (await this.#ask('GET', `/api/admin/calls?limit=${MOST}`)).calls;
  }

  /** Rejects as `ask` does. @param {string} call @returns {Promise<CallReport>} */
  async report(call) {
    return await this.#ask('GET', `/api/admin/calls/${encodeURIComponent(call)}`);
  }

  /** The sound of all that was recorded. Rejects as `ask` does. @param {string} call */
  async recording(call) {
    return await this.#file(`/api/calls/${encodeURIComponent(call)}/recording`);
  }
}
