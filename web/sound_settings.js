/** Which microphone and speaker are used, and tests of both. */

import { find } from './dom.js';
import { MicrophoneTest } from './microphone_test.js';
import { Speaker } from './speaker.js';
import { texts } from './texts.js';

/** @typedef {import('./preferences.js').Preferences} Preferences */
/** @typedef {import('./preferences.js').Choice} Choice */

export class SoundSettings {
  #microphone = find('choose-microphone', HTMLSelectElement);
  #speaker = find('choose-speaker', HTMLSelectElement);
  #testSpeaker = find('test-speaker', HTMLButtonElement);
  #preferences;
  #actions;
  #test;

  /**
   * @param {Preferences} preferences
   * @param {{
   *   choose: (name: Choice, value: string) => void, microphone: () => Promise<MediaStream>,
   *   testSpeaker: (bar: HTMLElement) => Promise<void>,
   * }} actions
   */
  constructor(preferences, actions) {
    this.#preferences = preferences;
    this.#actions = actions;
    this.#test = new MicrophoneTest(
      {
        button: find('test-microphone', HTMLButtonElement),
        meter: find('microphone-level', HTMLElement),
        words: find('microphone-words', HTMLElement),
      },
      async () => {
        const stream = await actions.microphone();
        // Browsers tell the names of devices only to a page that may use one.
        void this.#listDevices();
        return stream;
      },
    );
    this.#microphone.addEventListener('change', () => this.#chooseMicrophone());
    this.#speaker.addEventListener('change', () => actions.choose('speaker', this.#speaker.value));
    this.#testSpeaker.addEventListener('click', () => void this.#playTest());
    navigator.mediaDevices?.addEventListener('devicechange', () => void this.#listDevices());
  }

  /** The settings come into sight, or are let be. @param {boolean} shown */
  show(shown) {
    if (shown) void this.#listDevices();
    else this.#test.stop();
  }

  /** The language has changed. */
  speak() {
    this.#test.stop();
    void this.#listDevices();
  }

  #chooseMicrophone() {
    this.#actions.choose('microphone', this.#microphone.value);
    if (this.#test.running) void this.#test.start();
  }

  async #playTest() {
    this.#testSpeaker.disabled = true;
    await this.#actions.testSpeaker(find('speaker-level', HTMLElement));
    this.#testSpeaker.disabled = false;
  }

  async #listDevices() {
    const devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    this.#offer(this.#microphone, 'microphone', devices, 'audioinput');
    this.#offer(this.#speaker, 'speaker', devices, 'audiooutput');
    this.#speaker.hidden = !Speaker.choosable;
    find('speaker-fixed', HTMLElement).hidden = Speaker.choosable;
  }

  /**
   * @param {HTMLSelectElement} select @param {Choice} name
   * @param {MediaDeviceInfo[]} devices @param {MediaDeviceKind} kind
   */
  #offer(select, name, devices, kind) {
    const chosen = this.#preferences.get(name);
    const named = devices.filter(
      (device) => device.kind === kind && device.label && device.deviceId !== 'default',
    );
    const options = named.map(({ deviceId, label }) => new Option(label, deviceId));
    select.replaceChildren(new Option(texts.systemDefault, ''), ...options);
    select.value = named.some(({ deviceId }) => deviceId === chosen) ? chosen : '';
  }
}
