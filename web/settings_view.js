/** The settings: what this browser does, and what the server keeps for the account. */

import { BlockedSettings } from './blocked_settings.js';
import { find } from './dom.js';
import { LookSettings } from './look_settings.js';
import { NoticeSettings } from './notice_settings.js';
import { PhoneSettings } from './phone_settings.js';
import { SoundSettings } from './sound_settings.js';

/** @typedef {import('./preferences.js').Choice} Choice */

/**
 * @typedef {{
 *   chosen: (name: Choice) => void, microphone: () => Promise<MediaStream>,
 *   testSpeaker: (bar: HTMLElement) => Promise<void>, start: () => void, addPhone: () => void,
 *   who: (party: import('./protocol.js').Party) => import('./protocol.js').Party,
 * }} SettingsActions
 */

export class SettingsView {
  #lists;
  #sound;
  #phones;
  #blocked;

  /**
   * @param {import('./preferences.js').Preferences} preferences
   * @param {import('./lists.js').Lists} lists
   * @param {SettingsActions} actions
   */
  constructor(preferences, lists, actions) {
    const choose = (/** @type {Choice} */ name, /** @type {string} */ value) => {
      preferences.set(name, value);
      actions.chosen(name);
    };
    this.#lists = lists;
    this.#sound = new SoundSettings(preferences, { ...actions, choose });
    new NoticeSettings(preferences, choose);
    this.#phones = new PhoneSettings(lists.phones, actions.addPhone);
    this.#blocked = new BlockedSettings(lists.blocked, actions.who);
    new LookSettings(preferences, choose);
    find('open-start', HTMLButtonElement).addEventListener('click', () => actions.start());
  }

  /** @param {import('./own.js').Own | null} own whose settings these are */
  set own(own) {
    this.#blocked.own = own;
    this.#phones.reset();
  }

  /** The settings come into sight, or are let be. @param {boolean} shown */
  show(shown) {
    this.#sound.show(shown);
    if (!shown) return this.#phones.reset();
    void this.#lists.phones.look();
    void this.#lists.blocked.look();
  }

  /** The language has changed. */
  speak() {
    this.#sound.speak();
  }

  render() {
    this.#phones.render();
    this.#blocked.render();
  }
}
