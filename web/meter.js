/** How loud a sound is, shown as a bar while it lasts. */

const QUIETEST_DB = -60;
const HEARD_DB = -42;
// A knock on the table is not somebody speaking.
const HEARD_FRAMES = 12;

/** @param {Float32Array} samples @returns {number} dB below full scale */
export function loudness(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return 10 * Math.log10(sum / samples.length + 1e-12);
}

/** @param {number} db @returns {number} from 0 to 1 */
export function level(db) {
  return Math.min(1, Math.max(0, 1 - db / QUIETEST_DB));
}

export class Meter {
  #element;
  #frame = 0;
  #heard = 0;

  /** @param {HTMLElement} element of role meter */
  constructor(element) {
    this.#element = element;
  }

  /** @param {AudioNode} source @param {() => void} [heard] called once somebody speaks */
  watch(source, heard) {
    this.stop();
    this.#heard = 0;
    const analyser = new AnalyserNode(source.context, { fftSize: 1024 });
    source.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const look = () => {
      this.#frame = requestAnimationFrame(look);
      analyser.getFloatTimeDomainData(samples);
      const db = loudness(samples);
      this.#show(level(db));
      if (db > HEARD_DB && ++this.#heard === HEARD_FRAMES) heard?.();
    };
    look();
  }

  stop() {
    cancelAnimationFrame(this.#frame);
    this.#show(0);
  }

  /** @param {number} share */
  #show(share) {
    this.#element.style.setProperty('--level', share.toFixed(2));
    this.#element.setAttribute('aria-valuenow', String(Math.round(share * 100)));
  }
}
