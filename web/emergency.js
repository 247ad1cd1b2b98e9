/** Numbers that people dial when they need help, which this system cannot give. */

// As the server's own list begins. It decides; but who dials these is told at once, before a
// microphone is asked for, and without a network too.
const NUMBERS = new Set(
  ['000', '110', '111', '112', '113', '115', '118', '119', '911', '995', '999'],
);

/**
 * The emergency number that somebody typed, in any of its spellings, or null.
 * @param {string} typed
 */
export function emergencyNumber(typed) {
  const user = typed.trim().replace(/^(sips?|tel):/i, '').split(/[@;]/)[0] ?? '';
  const number = user.replace(/[\s().\/-]/g, '');
  return NUMBERS.has(number) ? number : null;
}
