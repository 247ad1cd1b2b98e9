/** Who of the domain can be reached: asked for while somebody looks. */

/** @typedef {{ name: string, address: string, display_name: string, reachable: boolean }} Person */

const POLL_MS = 30_000;

export class People {
  #request;
  #changed;
  #timer = 0;
  #asking = false;
  /** @type {Person[]} */
  list = [];
  /** There are people who are not in the list. */
  more = false;
  /** The last question got no answer. */
  stale = false;

  /** @param {import('./protocol.js').Request} request @param {() => void} changed */
  constructor(request, changed) {
    this.#request = request;
    this.#changed = changed;
  }

  /** Somebody looks, or nobody does any more. @param {boolean} on */
  watch(on) {
    if (on === (this.#timer !== 0)) return;
    window.clearInterval(this.#timer);
    this.#timer = on ? window.setInterval(() => void this.look(), POLL_MS) : 0;
    if (on) void this.look();
  }

  /** Ask now. */
  async look() {
    if (this.#asking) return;
    this.#asking = true;
    try {
      const { people, more } = await this.#request('directory.list', {});
      this.list = people;
      this.more = more;
      this.stale = false;
    } catch {
      this.stale = true;
    } finally {
      this.#asking = false;
    }
    this.#changed();
  }

  forget() {
    this.watch(false);
    this.list = [];
    this.more = this.stale = false;
  }
}
