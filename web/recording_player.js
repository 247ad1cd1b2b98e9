/** For administrators: what was recorded of a call, fetched and played when somebody asks. */

import { find, say } from './dom.js';
import { durationText, texts } from './texts.js';

/** @typedef {import('./server_calls.js').CallReport} CallReport */

export class RecordingPlayer {
  #box = find('timeline-recording', HTMLElement);
  #play = find('timeline-play', HTMLButtonElement);
  #audio = find('timeline-audio', HTMLAudioElement);
  #words = find('timeline-recording-words', HTMLElement);
  #source;
  /** Whose recording is in reach. */
  #call = '';
  #url = '';

  /** @param {import('./server_calls.js').ServerCalls} source */
  constructor(source) {
    this.#source = source;
    this.#play.addEventListener('click', () => void this.#fetch());
  }

  /** @param {CallReport | null} report */
  show(report) {
    const call = report?.recorded_seconds ? report.id : '';
    if (call !== this.#call) this.#forget(call);
    this.#box.hidden = !call;
    if (report) say(this.#play, texts.timeline.play(durationText(report.recorded_seconds)));
  }

  /** @param {string} call */
  #forget(call) {
    this.#call = call;
    this.#audio.pause();
    this.#audio.removeAttribute('src');
    this.#audio.hidden = true;
    this.#play.hidden = false;
    this.#play.disabled = false;
    say(this.#words, '');
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = '';
  }

  async #fetch() {
    const call = this.#call;
    this.#play.disabled = true;
    say(this.#words, texts.timeline.looking);
    /** @type {Blob | null} */
    const sound = await this.#source.recording(call).catch(() => null);
    // Another call is looked at by now.
    if (call !== this.#call) return;
    this.#play.disabled = false;
    say(this.#words, sound ? '' : texts.timeline.noRecording);
    if (!sound) return;
    this.#url = URL.createObjectURL(sound);
    this.#audio.src = this.#url;
    this.#audio.hidden = false;
    this.#play.hidden = true;
    this.#audio.focus();
    await this.#audio.play().catch(() => {});
  }
}
