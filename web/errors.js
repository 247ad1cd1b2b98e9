/** The ways in which asking the server can fail. */

export const Code = Object.freeze({
  notAuthenticated: -32000,
  forbidden: -32001,
  noSuchCall: -32002,
  wrongState: -32003,
  busy: -32004,
  notFound: -32005,
  incompatible: -32006,
});

/** The server understood the request and refused it. */
export class RpcError extends Error {
  /** @param {{ code: number, message?: string, data?: any }} error */
  constructor({ code, message, data }) {
    super(message ?? `error ${code}`);
    this.name = 'RpcError';
    this.code = code;
    /** How the call ended, when it is over. @type {string | null} */
    this.ended = typeof data?.ended === 'string' ? data.ended : null;
    /** @type {number | null} */
    this.retryAfterSeconds = typeof data?.retry_after === 'number' ? data.retry_after : null;
  }
}

/** No answer came in time; the request may or may not have been carried out. */
export class NoAnswer extends Error {
  /** @param {string} method */
  constructor(method) {
    super(`no answer to ${method}`);
    this.name = 'NoAnswer';
  }
}

/** HTTP answered with a status that is no success; `status` is 0 when it could not be reached. */
export class HttpError extends Error {
  /** @param {number} status @param {number | null} retryAfterSeconds */
  constructor(status, retryAfterSeconds = null) {
    super(`HTTP ${status}`);
    this.name = 'HttpError';
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** There are no credentials left that the server takes: a person has to log in. */
export class LoginNeeded extends Error {
  constructor() {
    super('log in again');
    this.name = 'LoginNeeded';
  }
}

/** The browser gave no microphone; `kind` is the DOMException's name, or `insecure`. */
export class NoMicrophone extends Error {
  /** @param {string} kind */
  constructor(kind) {
    super(`no microphone: ${kind}`);
    this.name = 'NoMicrophone';
    this.kind = kind;
  }
}

/** @type {Record<number, string>} */
const REASON_OF_ERROR = {
  [Code.forbidden]: 'forbidden',
  [Code.busy]: 'limit',
  [Code.notFound]: 'not_found',
  [Code.incompatible]: 'incompatible',
};

/** The end reason that a failed request amounts to. @param {unknown} error */
export function reasonOf(error) {
  if (error instanceof NoAnswer) return 'timeout';
  if (!(error instanceof RpcError)) return 'error';
  return error.ended ?? REASON_OF_ERROR[error.code] ?? 'error';
}
