/** This browser profile as the server knows it. */

const DEVICE = 'wsphone.device';
const APP_VERSION = '0.1.0';
// The server's bound for each of these words.
const LONGEST = 64;

/** @param {Storage} storage @param {() => string} mintId */
function deviceId(storage, mintId) {
  const known = storage.getItem(DEVICE);
  if (known) return known;
  const id = mintId();
  storage.setItem(DEVICE, id);
  return id;
}

/**
 * @param {Storage} storage @param {() => string} mintId
 * @returns {import('./protocol.js').Device}
 */
export function describeDevice(storage, mintId) {
  /** @type {{ brands?: { brand: string, version: string }[], platform?: string } | undefined} */
  const hints = /** @type {any} */ (navigator).userAgentData;
  const brand = hints?.brands?.find((entry) => !/not.*brand/i.test(entry.brand));
  return {
    id: deviceId(storage, mintId),
    platform: 'web',
    model: (brand ? `${brand.brand} ${brand.version}` : 'browser').slice(0, LONGEST),
    os_version: (hints?.platform ?? navigator.platform).slice(0, LONGEST),
    app_version: APP_VERSION,
    app_state: document.visibilityState === 'visible' ? 'foreground' : 'background',
  };
}
