/** The ids of calls, where they come from elsewhere than the session. */

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether it is one; it becomes part of an address. @param {unknown} value */
export function isCallId(value) {
  return typeof value === 'string' && UUID.test(value);
}
