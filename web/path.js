/** One media generation: a peer connection, its candidates on their way, and how it is doing. */

/** @typedef {import('./protocol.js').Candidate} Candidate */

/** @typedef {'new' | 'connected' | 'failed' | 'closed'} PathState */

/**
 * @typedef {{
 *   candidates: (candidates: Candidate[], end: boolean) => void,
 *   track: (path: Path) => void,
 *   state: (path: Path) => void,
 * }} PathHooks
 */

// The server takes at most this many of a generation.
export const MOST_CANDIDATES = 20;
const BATCH_MS = 40;
// A path that loses its peer for longer is given up: a new one through the new network is quicker.
const LOST_MS = 3_000;
// Speech comes every 20 ms, and even a sender that saves silence is heard twice in this time.
const CHECK_MS = 800;

/** @param {string | undefined} sdp @returns {string} */
function known(sdp) {
  if (!sdp) throw new Error('the browser made no description');
  return sdp;
}

export class Path {
  #hooks;
  /** Our offer becomes our description: an answer may be quicker. @type {Promise<void> | null} */
  #standing = null;
  /** @type {Candidate[]} */
  #outgoing = [];
  #sentCandidates = 0;
  #gathered = false;
  #endSent = false;
  #released = false;
  #batchTimer = 0;
  #lostTimer = 0;
  /** Candidates of the peer that came before its description. @type {Candidate[]} */
  #early = [];
  #peerKnown = false;

  /**
   * @param {number} media @param {RTCPeerConnection} pc
   * @param {MediaStream | null} microphone at the latest before it stands by an offer, or answers
   * @param {PathHooks} hooks
   */
  constructor(media, pc, microphone, hooks) {
    this.media = media;
    this.#hooks = hooks;
    /** @type {PathState} */
    this.state = 'new';
    /** Our offer is on its way, or waits for its answer. */
    this.offering = false;
    /** What the other side sends. @type {MediaStreamTrack | null} */
    this.remoteTrack = null;
    this.microphone = microphone;
    this.pc = pc;
    this.pc.onicecandidate = (event) => this.#gather(event.candidate);
    this.pc.onconnectionstatechange = () => this.#follow();
    this.pc.ontrack = (event) => {
      this.remoteTrack = event.track;
      this.#hooks.track(this);
    };
  }

  get live() {
    return this.state === 'new' || this.state === 'connected';
  }

  /**
   * Stand by our offer, which is on its way; what `release` lets go belongs after it. It was made
   * without a microphone, but addresses are gathered only now: browsers tell their real ones to a
   * page that has one.
   * @param {string} sdp
   */
  async stand(sdp) {
    const [track] = this.microphone?.getAudioTracks() ?? [];
    this.#standing = this.pc.setLocalDescription({ type: 'offer', sdp });
    await Promise.all([this.#standing, track && this.replaceMicrophone(track)]);
  }

  /** @param {string} sdp the peer's answer to our offer */
  async accept(sdp) {
    await this.#standing;
    if (this.pc.signalingState !== 'have-local-offer') return;
    this.offering = false;
    await this.pc.setRemoteDescription({ type: 'answer', sdp });
    await this.#peerIsKnown();
  }

  /** @param {string} sdp the peer's offer @returns {Promise<string>} our answer */
  async answer(sdp) {
    await this.pc.setRemoteDescription({ type: 'offer', sdp });
    this.#addMicrophone();
    await this.#peerIsKnown();
    await this.pc.setLocalDescription();
    return known(this.pc.localDescription?.sdp);
  }

  /** The server knows our description now: candidates may follow it. */
  release() {
    this.#released = true;
    this.#scheduleBatch();
  }

  /** @param {Candidate[]} candidates */
  async addCandidates(candidates) {
    if (!this.#peerKnown) {
      this.#early.push(...candidates.slice(0, MOST_CANDIDATES - this.#early.length));
      return;
    }
    for (const candidate of candidates) {
      // One candidate that this browser cannot read says nothing about the others.
      await this.pc.addIceCandidate(candidate).catch(() => {});
    }
  }

  /** @param {MediaStreamTrack} track the microphone from now on */
  async replaceMicrophone(track) {
    await this.pc.getSenders()[0]?.replaceTrack(track);
  }

  /** The network may be another one: give the path up at once if nothing comes by it any more. */
  async check() {
    if (this.state !== 'connected') return;
    const before = await this.#bytesHeard();
    await new Promise((resolve) => window.setTimeout(resolve, CHECK_MS));
    if (this.state === 'connected' && (await this.#bytesHeard()) === before) this.#become('failed');
  }

  async #bytesHeard() {
    const stats = [...(await this.pc.getStats()).values()];
    const pairs = stats.filter((entry) => entry.type === 'candidate-pair');
    return pairs.reduce((sum, pair) => sum + (pair.bytesReceived ?? 0), 0);
  }

  close() {
    window.clearTimeout(this.#batchTimer);
    window.clearTimeout(this.#lostTimer);
    this.pc.onicecandidate = this.pc.onconnectionstatechange = this.pc.ontrack = null;
    this.pc.close();
    this.state = 'closed';
  }

  #addMicrophone() {
    const { microphone } = this;
    if (!microphone || this.pc.getSenders().some((sender) => sender.track)) return;
    for (const track of microphone.getAudioTracks()) this.pc.addTrack(track, microphone);
  }

  async #peerIsKnown() {
    this.#peerKnown = true;
    await this.addCandidates(this.#early.splice(0));
  }

  /** @param {RTCIceCandidate | null} candidate null when there are no more */
  #gather(candidate) {
    if (candidate === null) {
      this.#gathered = true;
    } else if (candidate.candidate !== '' && candidate.protocol !== 'tcp') {
      // Browsers only open TCP, so theirs never meet; they would only use up the twenty.
      const { candidate: line, sdpMid, sdpMLineIndex } = candidate.toJSON();
      this.#outgoing.push({
        candidate: line ?? '',
        sdpMid: sdpMid ?? null,
        sdpMLineIndex: sdpMLineIndex ?? null,
      });
    }
    this.#scheduleBatch();
  }

  #scheduleBatch() {
    if (!this.#released || this.#batchTimer) return;
    this.#batchTimer = window.setTimeout(() => this.#sendBatch(), BATCH_MS);
  }

  #sendBatch() {
    this.#batchTimer = 0;
    const batch = this.#outgoing.splice(0).slice(0, MOST_CANDIDATES - this.#sentCandidates);
    const end = this.#gathered && !this.#endSent;
    if (batch.length === 0 && !end) return;
    this.#sentCandidates += batch.length;
    this.#endSent ||= end;
    this.#hooks.candidates(batch, end);
  }

  #follow() {
    window.clearTimeout(this.#lostTimer);
    switch (this.pc.connectionState) {
      case 'connected':
        this.#become('connected');
        break;
      case 'failed':
        this.#become('failed');
        break;
      case 'disconnected':
        this.#lostTimer = window.setTimeout(() => this.#become('failed'), LOST_MS);
        break;
    }
  }

  /** @param {PathState} state */
  #become(state) {
    if (this.state === state || this.state === 'closed') return;
    this.state = state;
    this.#hooks.state(this);
  }
}
