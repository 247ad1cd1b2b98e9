/** Whether a call's time is over, although this device's clock may be wrong. */

const PATIENCE_MS = 3_000;

/**
 * By our own clock first. One that runs fast would turn every call into a missed one, so the
 * server's is asked before a call is given up.
 * @param {import('./payload.js').Payload} payload
 */
export async function isOver({ expires_at }) {
  if (Date.now() < expires_at * 1000) return false;
  return ((await serverTime()) ?? Date.now()) >= expires_at * 1000;
}

/** What the server's clock says, to the second; null when it cannot be reached. */
async function serverTime() {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const asked = fetch('/healthz', { method: 'HEAD', cache: 'no-store', signal });
  const told = Date.parse((await asked.catch(() => null))?.headers.get('Date') ?? '');
  return Number.isNaN(told) ? null : told;
}
