/** The sounds the page makes itself: ringing, ringback, a knock during a call, keypad clicks. */

/**
 * A cadence: from when to when in each period it sounds, and which tones then, in Hz.
 * @typedef {{ period: number, bursts: [number, number][], tones: number[], gain: number }} Cadence
 */

/** @type {Record<'ring' | 'knock' | 'ringback', Cadence>} */
const CADENCES = {
  ring: { period: 3, bursts: [[0, 0.35], [0.5, 0.85]], tones: [587.3, 880], gain: 0.16 },
  knock: { period: 4, bursts: [[0, 0.12], [0.25, 0.37]], tones: [660], gain: 0.05 },
  ringback: { period: 4, bursts: [[0, 1]], tones: [425], gain: 0.06 },
};

// Browsers hold the timers of hidden tabs back for a minute, so all is laid out ahead of time.
const LONGEST_SECONDS = 120;
const EDGE_SECONDS = 0.02;
const KEY_SECONDS = 0.09;
const KEY_GAIN = 0.05;
const ROWS = [697, 770, 852, 941];
const COLUMNS = [1209, 1336, 1477];
const KEYS = '123456789*0#';

export class Ring {
  /** @type {AudioContext | null} */
  #context = null;
  /** What sounds now. @type {{ stop: () => void } | null} */
  #playing = null;
  /** @type {keyof typeof CADENCES | null} */
  #kind = null;

  #device = '';

  /** Ring on this speaker, where the browser lets a page choose. @param {string} device its id */
  async use(device) {
    this.#device = device;
    const context = /** @type {import('./speaker.js').Sink | null} */ (this.#context);
    // One that is not plugged in: the system's own speaker rings instead.
    await context?.setSinkId?.(device).catch(() => {});
  }

  /** Browsers let a page sound only after it was touched: call this on any touch or key. */
  wake() {
    if (!this.#context) {
      this.#context = new AudioContext();
      void this.use(this.#device);
    }
    if (this.#context.state === 'suspended') void this.#context.resume();
  }

  /** Sound this and nothing else; null for silence. @param {keyof typeof CADENCES | null} kind */
  play(kind) {
    if (kind === this.#kind) return;
    this.#kind = kind;
    this.#playing?.stop();
    this.#playing = null;
    if (kind === null) return;
    this.wake();
    const { period, bursts, tones, gain } = CADENCES[kind];
    const pulses = [];
    for (let at = 0; at < LONGEST_SECONDS; at += period) {
      for (const [from, to] of bursts) pulses.push({ from: at + from, to: at + to });
    }
    this.#playing = this.#sound(tones, pulses, gain);
  }

  /** The click of a key, for the one who presses it. @param {string} key */
  key(key) {
    const place = KEYS.indexOf(key);
    if (place < 0) return;
    this.wake();
    const tones = [ROWS[Math.floor(place / 3)] ?? 0, COLUMNS[place % 3] ?? 0];
    this.#sound(tones, [{ from: 0, to: KEY_SECONDS }], KEY_GAIN);
  }

  /** @param {number[]} tones @param {{ from: number, to: number }[]} pulses @param {number} gain */
  #sound(tones, pulses, gain) {
    const context = /** @type {AudioContext} */ (this.#context);
    const start = context.currentTime + EDGE_SECONDS;
    const envelope = new GainNode(context, { gain: 0 });
    envelope.connect(context.destination);
    for (const { from, to } of pulses) {
      envelope.gain.setValueAtTime(0, start + from);
      envelope.gain.linearRampToValueAtTime(gain, start + from + EDGE_SECONDS);
      envelope.gain.setValueAtTime(gain, start + to - EDGE_SECONDS);
      envelope.gain.linearRampToValueAtTime(0, start + to);
    }
    const end = start + Math.max(...pulses.map((pulse) => pulse.to));
    const oscillators = tones.map((frequency) => new OscillatorNode(context, { frequency }));
    for (const oscillator of oscillators) {
      oscillator.connect(envelope);
      oscillator.start(start);
      oscillator.stop(end);
    }
    const [first] = oscillators;
    if (first) first.onended = () => envelope.disconnect();
    const stop = () => {
      for (const oscillator of oscillators) oscillator.stop();
      envelope.disconnect();
    };
    return { stop };
  }
}
