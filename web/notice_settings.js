/** Whether the browser tells of calls while the page is out of sight. */

import { find } from './dom.js';
import { Notices } from './notices.js';

export class NoticeSettings {
  #notices = find('choose-notices', HTMLInputElement);
  #blocked = find('notices-blocked', HTMLElement);
  #choose;

  /**
   * @param {import('./preferences.js').Preferences} preferences
   * @param {(name: 'notices', value: string) => void} choose
   */
  constructor(preferences, choose) {
    this.#choose = choose;
    this.#notices.checked = preferences.get('notices') === 'on';
    this.#notices.addEventListener('change', () => void this.#allow());
  }

  async #allow() {
    const allowed = this.#notices.checked && (await Notices.allow());
    this.#blocked.hidden = !this.#notices.checked || allowed;
    this.#notices.checked = allowed;
    this.#choose('notices', allowed ? 'on' : '');
  }
}
