/** What opens while the server cannot be reached: it says so, and looks for it again. */

import { find, say } from './dom.js';
import { Preferences } from './preferences.js';
import { bestLanguage, speak, texts } from './texts.js';

const LOOK_MS = 10_000;

/** Come back as what was asked for, once anything answers there. */
async function look() {
  const found = await fetch(location.href, { method: 'HEAD', cache: 'no-store' }).catch(() => null);
  if (found?.ok) location.reload();
}

speak(new Preferences(localStorage).get('language') || bestLanguage(navigator.languages));
say(find('offline-title', HTMLElement), texts.offlineTitle);
say(find('offline-words', HTMLElement), texts.offlineHint);
const again = find('offline-again', HTMLButtonElement);
say(again, texts.offlineAgain);
again.addEventListener('click', () => void look());
window.addEventListener('online', () => void look());
window.setInterval(() => void look(), LOOK_MS);
