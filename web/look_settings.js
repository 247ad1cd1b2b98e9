/** Colours and language. */

import { find, make } from './dom.js';
import { LANGUAGES } from './texts.js';

export class LookSettings {
  #language = find('choose-language', HTMLSelectElement);
  #theme = find('choose-theme', HTMLSelectElement);

  /**
   * @param {import('./preferences.js').Preferences} preferences
   * @param {(name: 'language' | 'theme', value: string) => void} choose
   */
  constructor(preferences, choose) {
    for (const [code, words] of Object.entries(LANGUAGES)) {
      const option = make('option', { text: words.language });
      option.value = code;
      option.lang = code;
      this.#language.append(option);
    }
    this.#language.value = preferences.get('language');
    this.#theme.value = preferences.get('theme');
    this.#language.addEventListener('change', () => choose('language', this.#language.value));
    this.#theme.addEventListener('change', () => choose('theme', this.#theme.value));
  }
}
