/** Our voice in a call: its microphone, which rests while the call is muted or on hold. */

import { closeMicrophone } from './microphone.js';

/**
 * @typedef {{
 *   microphone: () => Promise<MediaStream>,
 *   media: import('./media.js').Media,
 *   wanted: () => boolean,
 *   silent: () => boolean,
 *   take: (step: Promise<unknown>) => void,
 * }} VoiceDeps `take` runs a step that nobody waits for
 */

export class Voice {
  #deps;
  /** @type {MediaStream | null} */
  #microphone = null;

  /** @param {VoiceDeps} deps */
  constructor(deps) {
    this.#deps = deps;
  }

  /** Open the microphone, unless it is open. Rejects with NoMicrophone. */
  async open() {
    if (this.#microphone) return;
    const microphone = await this.#deps.microphone();
    if (this.#keep(microphone)) this.#deps.media.use(microphone);
  }

  /** Another microphone was chosen: go on with that one. */
  async change() {
    const before = this.#microphone;
    if (!before) return;
    await this.#replace();
    if (this.#microphone !== before) closeMicrophone(before);
  }

  /** Be silent, or not, as the call is now. */
  follow() {
    for (const track of this.#microphone?.getAudioTracks() ?? []) {
      track.enabled = !this.#deps.silent();
    }
  }

  close() {
    closeMicrophone(this.#microphone);
    this.#microphone = null;
  }

  /** @param {MediaStream} microphone @returns {boolean} whether the call still wants it */
  #keep(microphone) {
    if (!this.#deps.wanted()) {
      closeMicrophone(microphone);
      return false;
    }
    this.#microphone = microphone;
    this.follow();
    for (const track of microphone.getAudioTracks()) {
      track.onended = () => this.#deps.take(this.#replace());
    }
    return true;
  }

  /** Go on with what the browser has instead. */
  async #replace() {
    const microphone = await this.#deps.microphone();
    if (this.#keep(microphone)) await this.#deps.media.replaceMicrophone(microphone);
  }
}
