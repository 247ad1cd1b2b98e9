/** What a person chose on a notification. */

import { HttpError } from '../errors.js';
import { account, words } from './known.js';
import { showRinging, who } from './notices.js';
import { open } from './windows.js';

// The call is not ours to decline any more: it is over, or answered.
const TOO_LATE = [404, 409];

/**
 * @param {ServiceWorkerGlobalScope} worker @param {Notification} notification
 * @param {string} action empty for the notification itself, as where browsers have no buttons
 */
export async function clicked(worker, notification, action) {
  notification.close();
  const { data } = notification;
  if (data?.kind === 'missed') return await open(worker, { view: 'calls' });
  if (data?.kind !== 'call') return await open(worker, {});
  if (action === 'decline') return await decline(worker, data);
  await open(worker, action === 'answer' ? { answer: data.call } : { call: data.call });
}

/**
 * @param {ServiceWorkerGlobalScope} worker @param {import('./payload.js').Payload} payload
 */
async function decline(worker, payload) {
  try {
    await account.ask('POST', `/api/calls/${payload.call}/reject`, { reason: 'declined' });
  } catch (error) {
    if (error instanceof HttpError && TOO_LATE.includes(error.status)) return;
    await showRinging(worker, payload, (await words()).declineFailed(who(payload)));
  }
}
