/** Hold: which side holds a call, as far as this page knows, and the asking for it. */

/**
 * @typedef {{
 *   ask: (method: string) => Promise<unknown>,
 *   changed: () => void,
 * }} HoldDeps `changed` has the sound follow, and the page
 */

export class Hold {
  #deps;
  #asking = false;

  /** @param {HoldDeps} deps */
  constructor(deps) {
    this.#deps = deps;
    /** We hold: nobody hears us, and we hear nobody. */
    this.ours = false;
    /** The other side holds, and may play music to us. */
    this.theirs = false;
  }

  /** Whether the microphone rests. */
  get any() {
    return this.ours || this.theirs;
  }

  /** By whom the call is held, as a word. @returns {'nobody' | 'us' | 'them' | 'both'} */
  get by() {
    if (this.ours) return this.theirs ? 'both' : 'us';
    return this.theirs ? 'them' : 'nobody';
  }

  /** Hold, or come back. Rejects when the server does not say that it is done. */
  async toggle() {
    if (this.#asking) return;
    const on = !this.ours;
    this.#asking = true;
    // A room falls silent at once; it is heard again when everybody knows.
    if (on) this.#set(true, this.theirs);
    try {
      await this.#deps.ask(on ? 'call.hold' : 'call.unhold');
      this.#set(on, this.theirs);
    } catch (error) {
      this.#set(!on, this.theirs);
      throw error;
    } finally {
      this.#asking = false;
    }
  }

  /** @param {boolean} held the other side said so */
  heard(held) {
    this.#set(this.ours, held);
  }

  /**
   * Go on where the server says that the call is.
   * @param {string[]} by the sides that hold @param {string} side ours
   */
  restore(by, side) {
    this.#set(by.includes(side), by.some((other) => other !== side));
  }

  /** @param {boolean} ours @param {boolean} theirs */
  #set(ours, theirs) {
    if (ours === this.ours && theirs === this.theirs) return;
    this.ours = ours;
    this.theirs = theirs;
    this.#deps.changed();
  }
}
