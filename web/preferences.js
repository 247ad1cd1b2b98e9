/** What a person chose for this browser: colours, language, devices for sound, notifications. */

import { mark } from './dom.js';

const PREFIX = 'wsphone.choice.';

/** @typedef {'theme' | 'language' | 'microphone' | 'speaker' | 'notices'} Choice */

export class Preferences {
  #storage;

  /** @param {Storage} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  /** What was chosen; empty where nothing was. @param {Choice} name */
  get(name) {
    return this.#storage.getItem(PREFIX + name) ?? '';
  }

  /** @param {Choice} name @param {string} value empty to leave it to browser and system again */
  set(name, value) {
    if (value === '') this.#storage.removeItem(PREFIX + name);
    else this.#storage.setItem(PREFIX + name, value);
  }
}

// The page's back, for the bars of the browser around it.
const BACK = { light: '#f2f4f8', dark: '#0d1117' };

/** Use light or dark colours, or those of the system. @param {string} theme */
export function paint(theme) {
  const chosen = theme === 'light' || theme === 'dark' ? theme : null;
  mark(document.documentElement, 'theme', chosen);
  for (const bar of document.querySelectorAll('meta[name="theme-color"]')) {
    const own = bar.getAttribute('media')?.includes('dark') ? 'dark' : 'light';
    bar.setAttribute('content', BACK[chosen ?? own]);
  }
}
