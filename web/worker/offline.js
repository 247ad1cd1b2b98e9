/** The one page that opens without the server, and what it is made of; nothing else is cached. */

const CACHE = 'wsphone.offline';
const PAGE = '/offline.html';
const FILES = [
  PAGE,
  '/icon.svg',
  '/style.css',
  '/offline.js',
  '/dom.js',
  '/errors.js',
  '/preferences.js',
  '/texts.js',
  '/words/de.js',
  '/words/en.js',
  '/words/timeline_de.js',
  '/words/timeline_en.js',
];

/** Fetch all of it anew: the files of one version, or the ones that were there. */
export async function keepOffline() {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES.map((file) => new Request(file, { cache: 'reload' })));
}

/** The pages that were opened from the cache, by their client. @type {Set<string>} */
const offline = new Set();

/** Whether a client is a page that we opened from the cache. @param {string} client */
export function isOffline(client) {
  return offline.has(client);
}

/**
 * Whether a request is ours to answer: to open a page, or of a page that we opened. The modules of
 * the phone always come from the server, so that none ever runs beside one of another version.
 * @param {FetchEvent} event
 */
export function isOurs({ request, clientId }) {
  return request.mode === 'navigate' || (request.method === 'GET' && offline.has(clientId));
}

/** The network's answer, and the kept one only where it has none. @param {FetchEvent} event */
export async function fromNetworkFirst({ request, resultingClientId }) {
  try {
    return await fetch(request);
  } catch (error) {
    const opens = request.mode === 'navigate';
    const cache = await caches.open(CACHE);
    const kept = await cache.match(opens ? PAGE : request);
    if (!kept) throw error;
    if (opens) offline.add(resultingClientId);
    return kept;
  }
}
