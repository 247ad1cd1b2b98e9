/** What the page was opened for by a click on a notification. */

import { isCallId } from './call_id.js';

/**
 * answer: a call to take; call: one to show; view: a part to open.
 * @typedef {{ answer?: string, call?: string, view?: 'calls' }} Errand
 */

/** Only what we know, whoever wrote it. @param {any} given @returns {Errand} */
export function readErrand(given) {
  const { answer, call, view } = given ?? {};
  if (isCallId(answer)) return { answer };
  if (isCallId(call)) return { call };
  return view === 'calls' ? { view } : {};
}

/** Take the errand out of the page's address, so that a reload does not repeat it. */
export function takeErrand() {
  const given = new URLSearchParams(location.search);
  if (given.size > 0) history.replaceState(null, '', location.pathname);
  return readErrand(Object.fromEntries(given));
}
