/** The windows that show the page, as the worker sees them. */

import { isOffline } from './offline.js';

// A page that is asleep does not answer.
const ANSWER_MS = 700;

/** @param {ServiceWorkerGlobalScope} worker */
async function windows(worker) {
  const found = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
  return found.filter(({ id }) => !isOffline(id));
}

/**
 * Whether a window in sight shows this call, or how it ended.
 * @param {ServiceWorkerGlobalScope} worker @param {string} call
 */
export async function isShown(worker, call) {
  const inSight = (await windows(worker)).filter((page) => page.visibilityState === 'visible');
  const answers = inSight.map((page) => ask(page, { kind: 'shows', call }));
  return (await Promise.all(answers)).includes(true);
}

/**
 * Bring the page up, and tell it what for.
 * @param {ServiceWorkerGlobalScope} worker @param {import('../errand.js').Errand} errand
 */
export async function open(worker, errand) {
  const found = await windows(worker);
  const page = found.find((each) => each.visibilityState === 'visible') ?? found[0];
  // One that is asleep or just being closed takes no errand; a click opens or focuses once only.
  if (page && (await ask(page, { kind: 'errand', errand }))) await page.focus();
  else await worker.clients.openWindow(`/?${new URLSearchParams(errand)}`);
}

/** @param {Client} page @param {object} question @returns {Promise<boolean>} */
function ask(page, question) {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve(data === true);
    setTimeout(() => resolve(false), ANSWER_MS);
    page.postMessage(question, [port2]);
  });
}
