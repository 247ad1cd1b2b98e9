/** The sound of one call: its media generations, and how it moves from one to the next. */

import { Code, RpcError } from './errors.js';
import { MOST_CANDIDATES, Path } from './path.js';

/** @typedef {import('./protocol.js').Candidate} Candidate */

/**
 * none: nothing negotiated yet, or over; connecting; connected; lost: it was there, and is being
 * renewed.
 * @typedef {'none' | 'connecting' | 'connected' | 'lost'} SoundState
 */

/**
 * @typedef {{
 *   call: string,
 *   request: import('./protocol.js').Request,
 *   connection: () => RTCPeerConnection,
 *   offerer: () => import('./spare.js').Offerer,
 *   changed: () => void,
 *   over: (reason: string) => void,
 *   lost: () => void,
 * }} MediaDeps `over`: the server says how the call ended; `lost`: no generation could connect
 */

const NEGOTIATE_MS = 15_000;
const CONNECT_MS = 15_000;
const RENEW_ATTEMPTS = 10;
const RENEW_FIRST_MS = 500;
const RENEW_LONGEST_MS = 10_000;
// A generation's candidates may come before its description, but not those of dozens of them.
const MOST_EARLY = 4;
// A server that hears of a failed path may offer one of its own; two offers at once cost a second.
const SERVER_FIRST_MS = 800;

/** @param {number} ms @returns {Promise<void>} */
function pause(ms) {
  return new Promise((resolve) => window.setTimeout(resolve, ms));
}

export class Media {
  #deps;
  /** @type {Map<number, Path>} */
  #paths = new Map();
  /** Candidates whose generation is not open yet. @type {Map<number, Candidate[]>} */
  #early = new Map();
  /** @type {MediaStream | null} */
  #microphone = null;
  #wasConnected = false;
  /** Both sides are there: from now on a path that fails is replaced. */
  #due = false;
  #renewing = false;
  #closed = false;
  /** @type {Set<() => void>} */
  #watchers = new Set();

  /** @param {MediaDeps} deps @param {number} latest the highest generation used so far */
  constructor(deps, latest) {
    this.#deps = deps;
    this.latest = latest;
    /** What the other side sends; the stream stays, its track is that of the living generation. */
    this.remoteStream = new MediaStream();
  }

  /** The generation in use: the highest that is connected, else the highest that is open. */
  get current() {
    const paths = [...this.#paths.values()].sort((a, b) => b.media - a.media);
    return paths.find((path) => path.state === 'connected') ?? paths[0] ?? null;
  }

  /** @returns {SoundState} */
  get state() {
    if (this.#closed) return 'none';
    if (this.current?.state === 'connected') return 'connected';
    if (this.#wasConnected) return 'lost';
    return this.current || this.#renewing ? 'connecting' : 'none';
  }

  /** @param {MediaStream} microphone what every generation sends */
  use(microphone) {
    this.#microphone = microphone;
    for (const path of this.#paths.values()) path.microphone = microphone;
  }

  /** @param {MediaStream} microphone */
  async replaceMicrophone(microphone) {
    this.#microphone = microphone;
    const [track] = microphone.getAudioTracks();
    if (!track) return;
    await Promise.all([...this.#paths.values()].map((path) => path.replaceMicrophone(track)));
  }

  /**
   * Open the next generation; whoever sends its offer has the path stand by it.
   * @returns {Promise<{ path: Path, offer: string }>}
   */
  async offer() {
    const { pc, offer } = this.#deps.offerer();
    const path = this.#open(this.latest + 1, pc);
    path.offering = true;
    const { sdp } = await offer;
    if (!sdp || this.#paths.get(path.media) !== path) throw new Error('the offer came to nothing');
    return { path, offer: sdp };
  }

  /** @param {number} media @param {string} answer the server's, to our offer of that generation */
  async accept(media, answer) {
    await this.#paths.get(media)?.accept(answer);
  }

  /**
   * Answer an offer of the server. An offer of ours that is still open gives way to it: the server
   * lets one negotiation run at a time, and has chosen its own.
   * @param {number} media @param {string} offer
   * @returns {Promise<{ path: Path, answer: string } | null>} null when the offer is out of date
   */
  async answer(media, offer) {
    const paths = [...this.#paths.values()];
    if (paths.some((path) => path.media > media && !path.offering)) return null;
    for (const path of paths) if (path.offering) this.#drop(path);
    const path = this.#paths.get(media) ?? this.#open(media, this.#deps.connection());
    return { path, answer: await path.answer(offer) };
  }

  /** @param {number} media @param {Candidate[]} candidates */
  async addCandidates(media, candidates) {
    const path = this.#paths.get(media);
    if (path) {
      await path.addCandidates(candidates);
    } else if (this.#early.has(media) || this.#early.size < MOST_EARLY) {
      const known = this.#early.get(media) ?? [];
      this.#early.set(media, [...known, ...candidates].slice(0, MOST_CANDIDATES));
    }
  }

  /** Sound is due: see to it when the generation at hand does not connect, or there is none. */
  async expect() {
    this.#due = true;
    await this.#settled();
    if (!this.#healthy()) await this.renew();
  }

  /** The network may be another one. */
  async check() {
    if (this.#due) await this.current?.check();
  }

  /**
   * Offer generation after generation until one connects or the call is given up.
   * @param {number} [waitMs] before the first
   */
  async renew(waitMs = 0) {
    if (this.#renewing || this.#closed) return;
    this.#renewing = true;
    this.#deps.changed();
    try {
      for (let attempt = 0; attempt < RENEW_ATTEMPTS; attempt++) {
        await pause(waitMs);
        // What was begun meanwhile, by the server's offer, gets its chance first.
        await this.#settled();
        if (this.#healthy()) break;
        waitMs = await this.#renewOnce(attempt);
      }
    } finally {
      this.#renewing = false;
    }
    if (!this.#healthy()) this.#deps.lost();
    else if (!this.#closed) this.#deps.changed();
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    for (const path of [...this.#paths.values()]) this.#drop(path);
    for (const track of this.remoteStream.getTracks()) this.remoteStream.removeTrack(track);
    this.#wake();
  }

  #healthy() {
    return this.#closed || this.#paths.get(this.latest)?.state === 'connected';
  }

  /** @param {number} attempt @returns {Promise<number>} how long to wait before the next */
  async #renewOnce(attempt) {
    const wholeMs = Math.min(RENEW_LONGEST_MS, RENEW_FIRST_MS * 2 ** attempt);
    const backoffMs = wholeMs * (0.5 + Math.random());
    /** @type {Path | null} */
    let ours = null;
    try {
      const { path, offer } = await this.offer();
      ours = path;
      const params = { call: this.#deps.call, media: path.media, offer };
      const answered = this.#deps.request('media.offer', params, { timeoutMs: NEGOTIATE_MS });
      path.release();
      const [{ answer }] = await Promise.all([answered, path.stand(offer)]);
      await path.accept(answer);
      await this.#settled();
      return backoffMs;
    } catch (error) {
      if (ours) this.#drop(ours);
      if (!(error instanceof RpcError)) return backoffMs;
      if (error.code === Code.noSuchCall) this.#deps.over(error.ended ?? 'error');
      if (error.code !== Code.wrongState || error.retryAfterSeconds === null) return backoffMs;
      return error.retryAfterSeconds * 1000 * (1 + Math.random());
    }
  }

  /** Wait until the latest generation is connected or out of the game. */
  async #settled() {
    const deadline = performance.now() + CONNECT_MS;
    while (!this.#closed && this.#paths.get(this.latest)?.state === 'new') {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) return;
      await this.#change(leftMs);
    }
  }

  /** @param {number} atMostMs @returns {Promise<void>} */
  #change(atMostMs) {
    return new Promise((resolve) => {
      const done = () => {
        window.clearTimeout(timer);
        this.#watchers.delete(done);
        resolve();
      };
      const timer = window.setTimeout(done, atMostMs);
      this.#watchers.add(done);
    });
  }

  #wake() {
    for (const done of [...this.#watchers]) done();
  }

  /** @param {number} media @param {RTCPeerConnection} pc */
  #open(media, pc) {
    if (this.#closed) {
      pc.close();
      throw new Error('the sound of this call is closed');
    }
    this.latest = media;
    const path = new Path(media, pc, this.#microphone, {
      candidates: (candidates, end) => this.#tell('media.candidates', { media, candidates, end }),
      track: () => this.#route(),
      state: (changed) => this.#follow(changed),
    });
    this.#paths.set(media, path);
    const early = this.#early.get(media);
    for (const old of [...this.#early.keys()]) if (old <= media) this.#early.delete(old);
    if (early) void path.addCandidates(early);
    this.#deps.changed();
    return path;
  }

  /** @param {Path} path */
  #drop(path) {
    path.close();
    if (this.#paths.get(path.media) === path) this.#paths.delete(path.media);
    this.#route();
    this.#wake();
  }

  /** @param {Path} path whose state changed */
  #follow(path) {
    if (path.state === 'connected') {
      this.#wasConnected = true;
      const older = [...this.#paths.values()].filter((other) => other.media < path.media);
      for (const other of older) this.#drop(other);
    }
    this.#tell('media.state', { media: path.media, state: path.state });
    this.#route();
    this.#wake();
    this.#deps.changed();
    const missed = this.#due && path.state === 'failed' && path.media === this.latest;
    if (missed) void this.renew(SERVER_FIRST_MS);
  }

  /** Let the stream carry the track of the generation in use. */
  #route() {
    const track = this.current?.remoteTrack ?? null;
    for (const old of this.remoteStream.getTracks()) {
      if (old !== track) this.remoteStream.removeTrack(old);
    }
    if (track) this.remoteStream.addTrack(track);
  }

  /** @param {string} method @param {object} params */
  #tell(method, params) {
    // Nothing hangs on the answer: what matters here comes back as an event.
    this.#deps.request(method, { call: this.#deps.call, ...params }).catch(() => {});
  }
}
