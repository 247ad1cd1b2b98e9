/** The settings of this browser. */

import { find, make } from './dom.js';
import { MicrophoneTest } from './microphone_test.js';
import { Notices } from './notices.js';
import { Speaker } from './speaker.js';
import { LANGUAGES, texts } from './texts.js';

/** @typedef {import('./preferences.js').Preferences} Preferences */
/** @typedef {import('./preferences.js').Choice} Choice */

export class SettingsView {
  #microphone = find('choose-microphone', HTMLSelectElement);
  #speaker = find('choose-speaker', HTMLSelectElement);
  #notices = find('choose-notices', HTMLInputElement);
  #noticesBlocked = find('notices-blocked', HTMLElement);
  #language = find('choose-language', HTMLSelectElement);
  #theme = find('choose-theme', HTMLSelectElement);
  #preferences;
  #actions;
  #test;

  /**
   * @param {Preferences} preferences
   * @param {{
   *   chosen: (name: Choice) => void, microphone: () => Promise<MediaStream>,
   *   testSpeaker: (bar: HTMLElement) => Promise<void>, start: () => void,
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
    for (const [code, words] of Object.entries(LANGUAGES)) {
      const option = make('option', { text: words.language });
      option.value = code;
      option.lang = code;
      this.#language.append(option);
    }
    this.#language.value = preferences.get('language');
    this.#theme.value = preferences.get('theme');
    this.#notices.checked = preferences.get('notices') === 'on';
    this.#listen();
  }

  #listen() {
    const selects = /** @type {const} */ ([
      ['language', this.#language],
      ['theme', this.#theme],
      ['microphone', this.#microphone],
      ['speaker', this.#speaker],
    ]);
    for (const [name, select] of selects) {
      select.addEventListener('change', () => this.#choose(name, select.value));
    }
    this.#notices.addEventListener('change', () => void this.#allowNotices());
    const testSpeaker = find('test-speaker', HTMLButtonElement);
    testSpeaker.addEventListener('click', async () => {
      testSpeaker.disabled = true;
      await this.#actions.testSpeaker(find('speaker-level', HTMLElement));
      testSpeaker.disabled = false;
    });
    find('open-start', HTMLButtonElement).addEventListener('click', () => this.#actions.start());
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

  /** @param {Choice} name @param {string} value */
  #choose(name, value) {
    this.#preferences.set(name, value);
    this.#actions.chosen(name);
    if (name === 'microphone' && this.#test.running) void this.#test.start();
  }

  async #allowNotices() {
    const allowed = this.#notices.checked && (await Notices.allow());
    this.#noticesBlocked.hidden = !this.#notices.checked || allowed;
    this.#notices.checked = allowed;
    this.#choose('notices', allowed ? 'on' : '');
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
