/** How calls look as notifications. */

import { shown } from '../address.js';
import { words } from './known.js';

/** @typedef {import('./payload.js').Payload} Payload */

export const LOOK = Object.freeze({ icon: '/icon-192.png' });
const RING_MS = [400, 200, 400, 1000, 400, 200, 400];

/** Who calls, in words. @param {Payload} payload */
export function who({ from, name }) {
  return shown({ address: from, name }).title;
}

/**
 * Show that a call rings, in place of whatever was shown of it.
 * @param {ServiceWorkerGlobalScope} worker @param {Payload} payload @param {string} title
 */
export async function showRinging(worker, payload, title) {
  const texts = await words();
  // TypeScript's library lacks the last three.
  const facts = /** @type {NotificationOptions} */ ({
    ...LOOK,
    tag: payload.call,
    requireInteraction: true,
    data: payload,
    renotify: true,
    vibrate: RING_MS,
    actions: [
      { action: 'answer', title: texts.accept },
      { action: 'decline', title: texts.decline },
    ],
  });
  await worker.registration.showNotification(title, facts);
}
