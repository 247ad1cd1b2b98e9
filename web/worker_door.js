/** The page's door to its service worker. */

const INSTALL_MS = 30_000;

/**
 * Have the worker of this version, once it is active; null where there can be none.
 * @returns {Promise<ServiceWorkerRegistration | null>}
 */
export async function registerWorker() {
  const workers = navigator.serviceWorker;
  if (!workers) return null;
  try {
    // Its modules, too, are asked for anew: a worker is of one version with the server.
    await workers.register('/sw.js', { type: 'module', updateViaCache: 'none' });
    return await Promise.race([workers.ready, late()]);
  } catch {
    return null;
  }
}

/** An installation that failed leaves `ready` waiting. @returns {Promise<null>} */
function late() {
  return new Promise((resolve) => window.setTimeout(() => resolve(null), INSTALL_MS));
}
