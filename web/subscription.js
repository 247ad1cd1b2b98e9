/** A browser's Web Push subscription, as page and worker make it and tell the server of it. */

/**
 * The subscription that our server can use.
 * @param {PushManager} manager @param {string} key the server's (VAPID), in base64url
 */
export async function subscribe(manager, key) {
  const applicationServerKey = bytesOf(key);
  const known = await manager.getSubscription();
  const keyOfKnown = known?.options.applicationServerKey;
  if (known && keyOfKnown && isSame(new Uint8Array(keyOfKnown), applicationServerKey)) return known;
  // A push service takes only what is signed by the key that it was told.
  await known?.unsubscribe();
  return await manager.subscribe({ userVisibleOnly: true, applicationServerKey });
}

/**
 * The params of `device.set_push`.
 * @param {PushSubscription | null} subscription @param {boolean} missed
 */
export function pushParams(subscription, missed) {
  if (!subscription) return { targets: [], missed };
  return { targets: [{ provider: 'webpush', subscription: subscription.toJSON() }], missed };
}

/** @param {string} text in base64url */
function bytesOf(text) {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** @param {Uint8Array} one @param {Uint8Array} other */
function isSame(one, other) {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
