/** The service worker: what wakes it, and who deals with that. */

import { clicked } from './worker/clicked.js';
import { fromNetworkFirst, isOurs, keepOffline } from './worker/offline.js';
import { pushed } from './worker/pushed.js';
import { renew } from './worker/subscription.js';

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

worker.addEventListener('install', (event) => {
  // The older version has nothing that a page of this one would miss, or the other way round.
  event.waitUntil(keepOffline().then(() => worker.skipWaiting()));
});
worker.addEventListener('activate', (event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener('fetch', (event) => {
  if (isOurs(event)) event.respondWith(fromNetworkFirst(event));
});
worker.addEventListener('push', (event) => {
  event.waitUntil(pushed(worker, event.data?.text() ?? ''));
});
worker.addEventListener('notificationclick', (event) => {
  const { notification, action } = event;
  event.waitUntil(clicked(worker, notification, action));
});
worker.addEventListener('pushsubscriptionchange', (event) => {
  /** @type {ExtendableEvent} */ (event).waitUntil(renew(worker));
});
