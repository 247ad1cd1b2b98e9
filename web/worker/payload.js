/** What a push says, read once. */

import { isCallId } from '../call_id.js';

/**
 * @typedef {{
 *   kind: 'call' | 'ended' | 'missed' | 'proof' | 'test', call: string, from: string, name: string,
 *   expires_at: number, reason: string, nonce: string,
 * }} Payload
 */

const KINDS = ['call', 'ended', 'missed', 'proof', 'test'];
const OF_A_CALL = ['call', 'ended', 'missed'];
const LONGEST = 320;

/** Null for what is no message that we know. @param {string} text @returns {Payload | null} */
export function readPayload(text) {
  const found = parse(text);
  const { kind, expires_at } = found;
  const call = word(found.call).toLowerCase();
  if (!KINDS.includes(kind) || (OF_A_CALL.includes(kind) && !isCallId(call))) return null;
  return {
    kind,
    call,
    from: word(found.from),
    name: word(found.name),
    expires_at: typeof expires_at === 'number' ? expires_at : 0,
    reason: word(found.reason),
    nonce: word(found.nonce),
  };
}

/** @param {string} text @returns {any} */
function parse(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

/** @param {unknown} value */
function word(value) {
  return typeof value === 'string' ? value.slice(0, LONGEST) : '';
}
