/** What a push brings about: a notification that rings, one that is taken away, an answer. */

import { isOver } from './clock.js';
import { isLoggedIn, vault, words } from './known.js';
import { LOOK, showRinging, who } from './notices.js';
import { readPayload } from './payload.js';
import { ask } from './request.js';
import { unsubscribe } from './subscription.js';
import { isShown } from './windows.js';

/** @typedef {import('./payload.js').Payload} Payload */
/** @typedef {import('../vault.js').MissedCall} MissedCall */

const MOST_CALLS = 100;
// These ended a call in favour of another of this person's phones, or by their own word.
const SETTLED = ['answered_elsewhere', 'declined_elsewhere', 'declined', 'busy', 'hangup'];

/** @param {ServiceWorkerGlobalScope} worker @param {string} text of the push */
export async function pushed(worker, text) {
  const payload = readPayload(text);
  if (payload === null) return;
  // A subscription that its logout could not take back any more.
  if (!(await isLoggedIn())) return await unsubscribe(worker);
  if (payload.kind === 'proof') await ask('device.prove_push', { nonce: payload.nonce });
  else if (payload.kind === 'test') await test(worker);
  // The end of a call may be pushed while we still ask whether a window shows that it rings.
  else await navigator.locks.request(payload.call, () => tell(worker, payload));
}

/** @param {ServiceWorkerGlobalScope} worker @param {Payload} payload */
async function tell(worker, payload) {
  if (payload.kind === 'ended') await end(worker, payload);
  else if (payload.kind === 'missed' || (await isOver(payload))) await miss(worker, payload);
  else await ring(worker, payload);
}

/** @param {ServiceWorkerGlobalScope} worker @param {Payload} payload */
async function ring(worker, payload) {
  const told = await worker.registration.getNotifications({ tag: payload.call });
  if (told.length > 0 || (await isShown(worker, payload.call))) return;
  await showRinging(worker, payload, (await words()).isCalling(who(payload)));
}

/** @param {ServiceWorkerGlobalScope} worker @param {Payload} payload */
async function end(worker, payload) {
  const told = await worker.registration.getNotifications({ tag: payload.call });
  if (SETTLED.includes(payload.reason)) {
    for (const notification of told) notification.close();
  } else if (told.every(({ data }) => data?.kind === 'call')) {
    // Also where none is: of a call that ends before the browser is reached, only the end arrives.
    const { from = '', name = '' } = told[0]?.data ?? {};
    await miss(worker, { ...payload, from: payload.from || from, name: payload.name || name });
  }
}

/** @param {ServiceWorkerGlobalScope} worker @param {Payload} payload */
async function miss(worker, payload) {
  const { call } = payload;
  if (await isShown(worker, call)) return;
  await note(payload);
  const title = (await words()).missedFrom(who(payload));
  const data = { kind: 'missed', call };
  await worker.registration.showNotification(title, { ...LOOK, tag: call, silent: true, data });
}

/** Have the pages list a call that they did not see. @param {Payload} payload */
async function note({ call, from, name }) {
  const entry = { id: call, address: from, name: name || null, at: Date.now() };
  await vault.change('missed', (/** @type {MissedCall[] | null} */ calls) => {
    const others = (calls ?? []).filter(({ id }) => id !== call);
    return [entry, ...others].slice(0, MOST_CALLS);
  });
}

/** @param {ServiceWorkerGlobalScope} worker */
async function test(worker) {
  const texts = await words();
  const facts = { ...LOOK, body: texts.wakeTest, tag: 'test', data: { kind: 'test' } };
  await worker.registration.showNotification(texts.title, facts);
}
