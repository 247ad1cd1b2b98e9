/** Recording: whether a call is recorded, as far as this page knows, and the asking for it. */

/**
 * @typedef {{
 *   ask: (on: boolean) => Promise<unknown>,
 *   changed: () => void,
 * }} RecordingDeps
 */

export class Recording {
  #deps;

  /** @param {RecordingDeps} deps */
  constructor(deps) {
    this.#deps = deps;
    this.on = false;
    /** It was recorded, and is no more. */
    this.over = false;
    /** The server was asked, and has not done it yet: a call may have to move to it first. */
    this.asking = false;
  }

  /** Have the call recorded, or not any more. Rejects when the server does not say it is done. */
  async toggle() {
    if (this.asking) return;
    const on = !this.on;
    this.asking = true;
    this.#deps.changed();
    try {
      await this.#deps.ask(on);
      this.heard(on);
    } finally {
      this.asking = false;
      this.#deps.changed();
    }
  }

  /** @param {boolean} on the server said so, whoever wanted it */
  heard(on) {
    if (on === this.on) return;
    this.on = on;
    this.over = !on;
    this.#deps.changed();
  }
}
