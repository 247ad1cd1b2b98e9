/** The worker's part in staying reachable by push. */

import { pushParams, subscribe } from '../subscription.js';
import { isLoggedIn, vault } from './known.js';
import { ask } from './request.js';

/**
 * The browser gave our subscription up: get another one, if still wanted.
 * @param {ServiceWorkerGlobalScope} worker
 */
export async function renew(worker) {
  const wish = await vault.get('wake');
  if (!wish || !(await isLoggedIn())) return;
  const subscription = await subscribe(worker.registration.pushManager, wish.key);
  await ask('device.set_push', pushParams(subscription, wish.missed));
}

/** @param {ServiceWorkerGlobalScope} worker */
export async function unsubscribe(worker) {
  const subscription = await worker.registration.pushManager.getSubscription();
  await subscription?.unsubscribe();
}
