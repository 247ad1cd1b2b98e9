/** A peer connection with its offer, made ahead: the next call need wait for neither. */

/** @typedef {{ pc: RTCPeerConnection, offer: Promise<RTCSessionDescriptionInit> }} Offerer */

const CODECS = ['audio/opus', 'audio/PCMU', 'audio/PCMA', 'audio/G722', 'audio/telephone-event'];
// Whoever touches the page may be about to call, but not for ever.
const KEEP_MS = 60_000;

/** The codecs that we offer, in our order: what phones and browsers share. */
function codecs() {
  const known = RTCRtpReceiver.getCapabilities('audio')?.codecs ?? [];
  return CODECS.flatMap((name) =>
    known.filter((codec) => codec.mimeType.toLowerCase() === name.toLowerCase()),
  );
}

/** @param {RTCIceServer[]} iceServers */
export function connection(iceServers) {
  return new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle' });
}

/** @param {RTCIceServer[]} iceServers @returns {Offerer} */
export function offerer(iceServers) {
  const pc = connection(iceServers);
  pc.addTransceiver('audio').setCodecPreferences(codecs());
  const offer = pc.createOffer();
  // Whoever uses it hears of a failure, and nobody else needs to.
  offer.catch(() => {});
  return { pc, offer };
}

/** It opens no socket and has no microphone; each is used for one call. */
export class Spare {
  #iceServers;
  /** @type {Offerer | null} */
  #made = null;
  #timer = 0;

  /** @param {() => RTCIceServer[]} iceServers */
  constructor(iceServers) {
    this.#iceServers = iceServers;
  }

  /** Somebody is at the page: have one at hand for a while. */
  prepare() {
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.drop(), KEEP_MS);
    this.#made ??= offerer(this.#iceServers());
  }

  /** The one at hand, or one made now. */
  take() {
    const made = this.#made ?? offerer(this.#iceServers());
    this.#made = null;
    return made;
  }

  drop() {
    this.#made?.pc.close();
    this.#made = null;
  }
}
