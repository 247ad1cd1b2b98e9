/** Listening to one's own microphone without a call: a button, a bar, and what it means. */

import { say } from './dom.js';
import { closeMicrophone } from './microphone.js';
import { Meter } from './meter.js';
import { errorText, texts } from './texts.js';

export class MicrophoneTest {
  #parts;
  #open;
  #heard;
  #meter;
  /** @type {{ stream: MediaStream, context: AudioContext } | null} */
  #running = null;
  /** Counts the starts and stops: a browser may ask a person for long, who has left meanwhile. */
  #turn = 0;

  /**
   * @param {{ button: HTMLButtonElement, meter: HTMLElement, words: HTMLElement }} parts
   * @param {() => Promise<MediaStream>} open
   * @param {() => void} [heard]
   */
  constructor(parts, open, heard = () => {}) {
    this.#parts = parts;
    this.#open = open;
    this.#heard = heard;
    this.#meter = new Meter(parts.meter);
    parts.button.addEventListener('click', () => {
      if (this.#running) this.stop();
      else void this.start();
    });
  }

  get running() {
    return this.#running !== null;
  }

  async start() {
    const turn = ++this.#turn;
    say(this.#parts.words, texts.pendingMicrophone);
    try {
      const stream = await this.#open();
      if (turn === this.#turn) this.#listen(stream);
      else closeMicrophone(stream);
    } catch (error) {
      if (turn === this.#turn) say(this.#parts.words, errorText(error));
    }
  }

  stop() {
    this.#turn += 1;
    this.#meter.stop();
    closeMicrophone(this.#running?.stream ?? null);
    void this.#running?.context.close();
    this.#running = null;
    this.#parts.meter.hidden = true;
    say(this.#parts.words, '');
    say(this.#parts.button, texts.testMicrophone);
  }

  /** @param {MediaStream} stream */
  #listen(stream) {
    closeMicrophone(this.#running?.stream ?? null);
    void this.#running?.context.close();
    const context = new AudioContext();
    this.#running = { stream, context };
    this.#parts.meter.hidden = false;
    say(this.#parts.button, texts.stopTest);
    say(this.#parts.words, texts.speakNow);
    this.#meter.watch(new MediaStreamAudioSourceNode(context, { mediaStream: stream }), () => {
      say(this.#parts.words, texts.heardYou);
      this.#heard();
    });
  }
}
