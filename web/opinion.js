/** What a listener would think of a stream: the E-model of ITU-T G.107 as the server has it. */

const BEST = 93.2;
/** How well a codec with concealment bears losses that come at random (G.113, appendix I). */
const ROBUSTNESS = 25.1;
const FRAME_MS = 20;
/** Beyond this delay people begin to talk into each other's words. */
const TURN_MS = 177.3;

/**
 * The mean opinion score, 1 to 4.4; what is not known counts as nothing.
 * @param {number} loss a share of 1
 * @param {number | null} jitterMs @param {number | null} roundTripMs
 */
export function opinion(loss, jitterMs, roundTripMs) {
  const delay = (roundTripMs ?? 0) / 2 + 2 * (jitterMs ?? 0) + FRAME_MS;
  const ofDelay = 0.024 * delay + 0.11 * Math.max(0, delay - TURN_MS);
  const ofLoss = (95 * 100 * loss) / (100 * loss + ROBUSTNESS);
  const rating = Math.min(Math.max(BEST - ofDelay - ofLoss, 0), 100);
  return Math.max(1, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6);
}
