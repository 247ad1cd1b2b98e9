/** What a person chose on a notification. */

import { HttpError } from '../errors.js';
import { account, words } from './known.js';
import { showRinging, who } from './notices.js';
import { open } from './windows.js';

/** @typedef {import('./payload.js').Payload} Payload */

// The call is not ours to decline any more: it is over, or answered.
const TOO_LATE = [404, 409];

/**
 * @param {ServiceWorkerGlobalScope} worker @param {Notification} notification
 * @param {string} action empty for the notification itself, as where browsers have no buttons
 */
export async function clicked(worker, notification, action) {
  const { data } = notification;
  if (data?.kind === 'call' && action === 'decline') return await decline(worker, data);
  notification.close();
  if (data?.kind === 'missed') return await open(worker, { view: 'calls' });
  if (data?.kind !== 'call') return await open(worker, {});
  await open(worker, action === 'answer' ? { answer: data.call } : { call: data.call });
}

/**
 * The notification stays until this is settled. Whenever a page or a push has the notifications
 * listed, Chromium may lose one that is just coming, but none that takes the place of another; and
 * nothing else would say that declining failed.
 * @param {ServiceWorkerGlobalScope} worker @param {Payload} payload
 */
async function decline(worker, payload) {
  const declined = await reject(payload);
  // A push may change what is shown of the call at the same time.
  await navigator.locks.request(payload.call, async () => {
    const told = await worker.registration.getNotifications({ tag: payload.call });
    // The call may have become a missed one meanwhile.
    if (told.some(({ data }) => data?.kind !== 'call')) return;
    if (declined) for (const notification of told) notification.close();
    else await showRinging(worker, payload, (await words()).declineFailed(who(payload)));
  });
}

/** Whether this device has no part in the call any more. @param {Payload} payload */
async function reject({ call }) {
  try {
    await account.ask('POST', `/api/calls/${call}/reject`, { reason: 'declined' });
    return true;
  } catch (error) {
    return error instanceof HttpError && TOO_LATE.includes(error.status);
  }
}
