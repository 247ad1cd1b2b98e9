/** Notifications of calls that come in while the page is out of sight. */

import { texts } from './texts.js';

export class Notices {
  #wanted;
  /** By call. @type {Map<string, Notification>} */
  #shown = new Map();

  /** @param {() => boolean} wanted */
  constructor(wanted) {
    this.#wanted = wanted;
  }

  static get possible() {
    return 'Notification' in window;
  }

  /** Ask the browser to let us; only a person's own click may. @returns {Promise<boolean>} */
  static async allow() {
    return Notices.possible && (await Notification.requestPermission()) === 'granted';
  }

  /**
   * Show those that ring, and take away what rings no more.
   * @param {{ id: string, title: string }[]} ringing
   */
  show(ringing) {
    for (const [id, notice] of [...this.#shown]) {
      if (ringing.some((call) => call.id === id)) continue;
      notice.close();
      this.#shown.delete(id);
    }
    if (document.visibilityState === 'visible' || !this.#wanted()) return;
    for (const call of ringing) if (!this.#shown.has(call.id)) this.#tell(call);
  }

  /** @param {{ id: string, title: string }} call */
  #tell({ id, title }) {
    if (!Notices.possible || Notification.permission !== 'granted') return;
    // The tabs of one browser show one notice for the same call.
    const notice = create(texts.isCalling(title), {
      body: texts.noticeBody,
      tag: id,
      icon: '/icon.svg',
      requireInteraction: true,
    });
    if (!notice) return;
    notice.onclick = () => {
      window.focus();
      notice.close();
    };
    this.#shown.set(id, notice);
  }
}

/** @param {string} title @param {NotificationOptions} options @returns {Notification | null} */
function create(title, options) {
  try {
    return new Notification(title, options);
  } catch {
    // Chrome on Android lets service workers notify, and pages not.
    return null;
  }
}
