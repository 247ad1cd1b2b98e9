/** How the sound of a call is carried: what the browser counts, and the server in its calls. */

/** @typedef {import('./protocol.js').ServerFigures} ServerFigures */
/** @typedef {import('./protocol.js').Stream} Stream */

/**
 * Losses are shares of 1: of what was sent to us since the last look, and of what we sent, as the
 * other side reports it. `mos` is the worse direction's opinion score of the whole call, where the
 * server tells one.
 * @typedef {{
 *   codec: string, lostHere: number | null, lostThere: number | null,
 *   jitterHereMs: number | null, jitterThereMs: number | null,
 *   roundTripMs: number | null, mos: number | null,
 * }} Figures
 */

export class FigureReader {
  /** The counts of the last look; a new generation of media starts anew. */
  #before = { stream: '', received: 0, lost: 0 };

  /**
   * @param {Iterable<any>} stats what RTCPeerConnection.getStats gives
   * @param {ServerFigures | null} told what the server said last
   * @returns {Figures | null} null as long as nothing was heard
   */
  read(stats, told) {
    const entries = [...stats];
    const inbound = entries.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'audio');
    const codec = entries.find(({ id }) => id === inbound?.codecId);
    if (!inbound || !codec) return null;
    const remote = entries.find(({ type }) => type === 'remote-inbound-rtp');
    return {
      codec: codecName(codec.mimeType),
      lostHere: this.#lost(inbound),
      lostThere: remote?.fractionLost ?? (told ? share(told.sent) : null),
      jitterHereMs: milliseconds(inbound.jitter),
      jitterThereMs: milliseconds(remote?.jitter) ?? told?.sent.jitter_ms ?? null,
      roundTripMs: roundTrip(entries, remote),
      mos: told ? worse(told.sent.mos, told.received.mos) : null,
    };
  }

  /** @param {{ id: string, packetsReceived: number, packetsLost: number }} inbound */
  #lost({ id, packetsReceived, packetsLost }) {
    const before = this.#before.stream === id ? this.#before : { received: 0, lost: 0 };
    this.#before = { stream: id, received: packetsReceived, lost: packetsLost };
    const received = packetsReceived - before.received;
    // Late duplicates make the count of lost packets fall.
    const lost = Math.max(0, packetsLost - before.lost);
    return received + lost > 0 ? lost / (received + lost) : null;
  }
}

/** @param {Stream} stream @returns {number | null} */
function share({ packets, lost }) {
  return lost === null || packets + lost === 0 ? null : lost / (packets + lost);
}

/** @param {number | null} one @param {number | null} other */
function worse(one, other) {
  return one === null || other === null ? (one ?? other) : Math.min(one, other);
}

/** @param {any[]} entries @param {any} remote @returns {number | null} */
function roundTrip(entries, remote) {
  const pair = entries.find(({ type, nominated }) => type === 'candidate-pair' && nominated);
  return milliseconds(remote?.roundTripTime ?? pair?.currentRoundTripTime);
}

/** @param {unknown} seconds @returns {number | null} */
function milliseconds(seconds) {
  return typeof seconds === 'number' ? seconds * 1000 : null;
}

/** As people know it. @param {string} mimeType */
function codecName(mimeType) {
  const name = mimeType.replace(/^audio\//i, '');
  /** @type {Record<string, string>} */
  const known = { opus: 'Opus', PCMU: 'G.711', PCMA: 'G.711', G722: 'G.722' };
  return known[name] ?? name;
}
