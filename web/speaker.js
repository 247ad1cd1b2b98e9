/** Where calls are heard: the audio element, which speaker it plays on, and a test of that. */

import { Meter } from './meter.js';

/** @typedef {{ setSinkId?: (id: string) => Promise<void> }} Sink */

const TEST_NOTES = [523.3, 659.3, 784];
const NOTE_SECONDS = 0.32;
const TEST_GAIN = 0.2;

export class Speaker {
  #audio;
  #blocked;
  #device = '';

  /**
   * @param {HTMLAudioElement} audio
   * @param {(blocked: boolean) => void} blocked the browser plays nothing before a touch
   */
  constructor(audio, blocked) {
    this.#audio = audio;
    this.#blocked = blocked;
  }

  /** Whether this browser lets a page choose. */
  static get choosable() {
    return 'setSinkId' in HTMLMediaElement.prototype;
  }

  /** @param {string} device its id; empty for the system's own */
  async use(device) {
    this.#device = device;
    await setSink(this.#audio, device);
  }

  /** @param {MediaProvider | null} stream */
  play(stream) {
    if (this.#audio.srcObject !== stream) this.#audio.srcObject = stream;
    else if (!this.#audio.paused) return;
    if (!stream) return;
    this.#audio.play().then(
      () => this.#blocked(false),
      (error) => {
        if (error.name === 'NotAllowedError') this.#blocked(true);
      },
    );
  }

  /** Browsers let a page sound once it was touched. */
  touched() {
    if (this.#audio.srcObject && this.#audio.paused) this.play(this.#audio.srcObject);
  }

  /** Three notes, and how loud they go out. @param {HTMLElement} bar */
  async test(bar) {
    const context = new AudioContext();
    await setSink(/** @type {Sink} */ (context), this.#device);
    const out = new GainNode(context, { gain: TEST_GAIN });
    out.connect(context.destination);
    const meter = new Meter(bar);
    bar.hidden = false;
    meter.watch(out);
    await Promise.all(TEST_NOTES.map((frequency, index) => note(out, frequency, index)));
    meter.stop();
    bar.hidden = true;
    await context.close();
  }
}

/** @param {Sink} sink @param {string} device */
async function setSink(sink, device) {
  // One that was unplugged since it was chosen: the system's own speaker plays instead.
  await sink.setSinkId?.(device).catch(() => {});
}

/**
 * @param {GainNode} out @param {number} frequency @param {number} index
 * @returns {Promise<void>}
 */
function note(out, frequency, index) {
  const oscillator = new OscillatorNode(out.context, { frequency });
  const start = out.context.currentTime + index * NOTE_SECONDS;
  oscillator.connect(out);
  oscillator.start(start);
  oscillator.stop(start + NOTE_SECONDS * 0.85);
  return new Promise((resolve) => (oscillator.onended = () => resolve()));
}
