/** When and how to come back after a socket closed. */

/**
 * What to do next: `resume` the session, open a `fresh` one, `renew` the access token and resume,
 * ask a person to `login`, or stop because access is `forbidden` or the session `moved` elsewhere.
 * @typedef {'resume' | 'fresh' | 'renew' | 'login' | 'forbidden' | 'moved'} Step
 * @typedef {{ step: Step, waitMs: number }} Next
 */

const FIRST_MS = 500;
const LONGEST_MS = 30_000;
// Everyone is sent away at the same moment by these, so the first wait already spreads them.
const CROWD = new Set([1012, 4429]);
const CROWD_FIRST_MS = 2_000;
const BAD_MESSAGE_FIRST_MS = 5_000;
const BAD_MESSAGE_LONGEST_MS = 300_000;

/** Counts the failures in a row and turns the next close code into what to do. */
export class Backoff {
  #random;
  #losses = 0;
  #badMessages = 0;
  #refusals = 0;

  /** @param {() => number} random gives numbers from 0 up to 1 */
  constructor(random) {
    this.#random = random;
  }

  /** The session is open. Bad messages still count: the next one may be sent at once. */
  opened() {
    this.#losses = 0;
    this.#refusals = 0;
  }

  /** A ping was answered on an open session: nothing that we send is refused. */
  healthy() {
    this.#badMessages = 0;
  }

  /** @param {number} code the WebSocket close code @returns {Next} */
  next(code) {
    switch (code) {
      case 4400:
        return {
          step: 'fresh',
          waitMs: this.#jittered(BAD_MESSAGE_FIRST_MS, this.#badMessages++, BAD_MESSAGE_LONGEST_MS),
        };
      case 4401:
        // A token that was just renewed and is refused again will not be taken a third time.
        return { step: this.#refusals++ === 0 ? 'renew' : 'login', waitMs: 0 };
      case 4403:
        return { step: 'forbidden', waitMs: 0 };
      case 4409:
        return { step: 'moved', waitMs: 0 };
      default: {
        const first = CROWD.has(code) ? CROWD_FIRST_MS : FIRST_MS;
        return { step: 'resume', waitMs: this.#jittered(first, this.#losses++, LONGEST_MS) };
      }
    }
  }

  /** @param {number} first @param {number} failures @param {number} longest */
  #jittered(first, failures, longest) {
    const whole = Math.min(longest, first * 2 ** Math.min(failures, 20));
    return Math.round(whole * (0.2 + 0.8 * this.#random()));
  }
}
