/** One call as this page takes part in it: its state, what a person does, what the server says. */

import { NoMicrophone, reasonOf, RpcError } from './errors.js';
import { Hold } from './hold.js';
import { KeysHeard } from './keys_heard.js';
import { Media } from './media.js';
import { Recording } from './recording.js';
import { Voice } from './voice.js';

/**
 * outgoing:  trying ──> ringing ──> talking ──> ended
 * incoming:  incoming ──accept──> trying ──> talking ──> ended
 * @typedef {'incoming' | 'trying' | 'ringing' | 'talking' | 'ended'} CallState
 */

/**
 * What a reload needs to go on with a call.
 * @typedef {{
 *   id: string, direction: 'outgoing' | 'incoming', state: CallState,
 *   peer: import('./protocol.js').Party, media: number, digits: number, muted: boolean,
 *   talkingSince: number | null,
 * }} CallSnapshot
 */

/**
 * @typedef {{
 *   request: import('./protocol.js').Request,
 *   connection: () => RTCPeerConnection,
 *   offerer: () => import('./spare.js').Offerer,
 *   microphone: () => Promise<MediaStream>,
 *   changed: (call: Call) => void,
 *   trouble: (error: unknown) => void,
 * }} CallDeps `trouble` is for a person to read: the call goes on, but something is missing
 */

/** @type {Record<CallState, CallState[]>} */
const MOVES = {
  incoming: ['trying', 'ended'],
  trying: ['ringing', 'talking', 'ended'],
  ringing: ['talking', 'ended'],
  talking: ['ended'],
  ended: [],
};

// A hang-up goes on being sent this long through a dead network; the page does not wait for it.
const LEAVE_MS = 60_000;
const ENDED_WAIT_MS = 3_000;

export class Call {
  #deps;
  #media;
  #voice;
  #digits = 0;
  #leaving = false;

  /** @param {CallSnapshot} facts @param {CallDeps} deps */
  constructor(facts, deps) {
    this.#deps = deps;
    this.id = facts.id;
    this.direction = facts.direction;
    this.peer = facts.peer;
    /** @type {CallState} */
    this.state = facts.state;
    /** How far the callee's phones are. @type {'trying' | 'waking' | 'ringing' | 'early'} */
    this.progress = facts.state === 'ringing' ? 'ringing' : 'trying';
    /** When talking began, by this page's clock. */
    this.talkingSince = facts.talkingSince;
    /** Why it ended, and whose doing that was: caller, callee or server. @type {string | null} */
    this.reason = null;
    /** @type {string | null} */
    this.by = null;
    this.seconds = 0;
    /**
     * What the server counts, in a call that it carries.
     * @type {import('./protocol.js').ServerFigures | null}
     */
    this.figures = null;
    this.muted = facts.muted;
    this.hold = new Hold({
      ask: (method) => deps.request(method, { call: this.id }),
      changed: () => this.#soundFollows(),
    });
    this.recording = new Recording({
      ask: (on) => deps.request('call.record', { call: this.id, on }),
      changed: () => deps.changed(this),
    });
    /** What the other side pressed just now. */
    this.keysHeard = new KeysHeard(() => deps.changed(this));
    /** What a person asked for and is not done yet. @type {'accept' | 'leave' | null} */
    this.pending = null;
    this.#digits = facts.digits;
    this.#media = new Media(
      {
        call: this.id,
        request: deps.request,
        connection: deps.connection,
        offerer: deps.offerer,
        changed: () => deps.changed(this),
        over: (reason) => this.end(reason, 'server', 0),
        lost: () => this.hangUp(),
      },
      facts.media,
    );
    this.#voice = new Voice({
      microphone: deps.microphone,
      media: this.#media,
      wanted: () => !this.#leaving && this.state !== 'ended',
      silent: () => this.muted || this.hold.any,
      take: (step) => this.#take(step),
    });
  }

  get pc() {
    return this.#media.current?.pc ?? null;
  }

  get remoteStream() {
    return this.#media.remoteStream;
  }

  /** What is to be heard of it: who holds a call hears nothing. */
  get audible() {
    return this.hold.ours ? null : this.remoteStream;
  }

  /** How the sound is: none, connecting, connected or lost. */
  get sound() {
    return this.#media.state;
  }

  get side() {
    return this.direction === 'outgoing' ? 'caller' : 'callee';
  }

  /** @returns {CallSnapshot} */
  snapshot() {
    const { id, direction, state, peer, muted, talkingSince } = this;
    const media = this.#media.latest;
    return { id, direction, state, peer, muted, talkingSince, media, digits: this.#digits };
  }

  // --- what a person does

  /**
   * Ring somebody. Rejects with NoMicrophone, and then there never was a call.
   * @param {string} to
   */
  async start(to) {
    const opening = this.#voice.open();
    // Browsers take longer over the microphone than over the offer.
    const offering = this.#media.offer();
    offering.catch(() => {});
    await opening;
    if (this.state !== 'trying' || this.#leaving) return;
    try {
      const { path, offer } = await offering;
      const params = { call: this.id, to, media: path.media, offer };
      await Promise.all([this.#deps.request('call.start', params), path.stand(offer)]);
      path.release();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Take an incoming call. Rejects with NoMicrophone, and the call rings on. */
  async accept() {
    if (this.state !== 'incoming' || this.pending) return;
    this.#setPending('accept');
    try {
      // The microphone first: a person may think about it for longer than the server waits for
      // an answer once the call is claimed, and the other devices should ring meanwhile.
      await this.#voice.open();
    } finally {
      this.#setPending(null);
    }
    if (this.#move('trying')) await this.#answer();
  }

  /** @param {'declined' | 'busy'} reason */
  decline(reason) {
    if (this.state === 'incoming') this.#leave('call.reject', { call: this.id, reason }, reason);
  }

  hangUp() {
    if (this.state === 'ended') return;
    const reason = this.state === 'talking' ? 'hangup' : 'cancelled';
    this.#leave('call.hangup', { call: this.id }, reason);
  }

  /** @param {boolean} muted */
  setMuted(muted) {
    this.muted = muted;
    this.#soundFollows();
  }

  /** Hold the call, or come back. Rejects when that failed. */
  async toggleHold() {
    if (this.state === 'talking') await this.hold.toggle();
  }

  /** Send a digit: 0-9, *, #; the server makes the tone. @param {string} digit */
  async press(digit) {
    if (this.state !== 'talking') return;
    const params = { call: this.id, n: this.#digits++, digits: digit };
    this.#deps.changed(this);
    await this.#deps.request('call.dtmf', params);
  }

  /** Another microphone was chosen: go on with that one. */
  async changeMicrophone() {
    await this.#voice.change();
  }

  // --- what the server says; anything may come late, and is passed over then

  /** @param {import('./protocol.js').Progress} progress */
  progressed({ state, media, answer }) {
    if (this.direction === 'incoming' || this.state === 'talking') return;
    this.progress = state;
    if (state === 'ringing' || state === 'early') this.#move('ringing');
    if (answer && media !== undefined) this.#take(this.#media.accept(media, answer));
    this.#deps.changed(this);
  }

  /** @param {import('./protocol.js').Answered} answered */
  answered({ media, answer }) {
    if (this.direction === 'incoming' || !this.#move('talking')) return;
    const accepted = answer === null ? Promise.resolve() : this.#media.accept(media, answer);
    this.#take(accepted.finally(() => this.#soundIsDue()));
  }

  /** @param {import('./protocol.js').MediaOffer} offered */
  offered({ media, offer }) {
    if (this.state !== 'ended') this.#take(this.#answerOffer(media, offer));
  }

  /** @param {import('./protocol.js').Candidates} candidates */
  trickled({ media, candidates }) {
    if (this.state !== 'ended') this.#take(this.#media.addCandidates(media, candidates));
  }

  /** @param {string} reason @param {string} by @param {number} seconds of talk */
  end(reason, by, seconds) {
    if (this.state === 'ended') return;
    this.reason = reason;
    this.by = by;
    this.seconds = seconds || (this.talkingSince ? (Date.now() - this.talkingSince) / 1000 : 0);
    this.#move('ended');
  }

  // --- coming back

  /** The network may be another one: the sound is not to wait until the browser finds out. */
  nudge() {
    if (this.state === 'talking') this.#take(this.#media.check());
  }

  /**
   * Go on where the server says that the call is: after a reload of the page, when the microphone
   * and every path are gone, or in a new session, when events may have been lost.
   * @param {import('./protocol.js').ListedCall} listed
   */
  async recover(listed) {
    this.hold.restore(listed.held_by ?? [], this.side);
    this.recording.heard(listed.recording ?? false);
    if (listed.state === 'ended' || listed.reason) {
      this.end(listed.reason ?? 'error', listed.by ?? 'server', listed.seconds ?? 0);
    } else if (listed.state === 'talking') {
      this.#move('talking');
      await this.#soundIsDue();
    } else if (this.direction === 'incoming' && this.state === 'trying' && !this.pc) {
      await this.#voice.open();
      await this.#answer();
    } else if (this.direction === 'outgoing' && listed.state === 'ringing') {
      this.progressed({ call: this.id, state: 'ringing' });
    }
  }

  // --- inside

  #soundFollows() {
    this.#voice.follow();
    this.#deps.changed(this);
  }

  /** After a reload nobody has opened the microphone for the first path yet. */
  async #soundIsDue() {
    await this.#voice.open();
    await this.#media.expect();
  }

  async #answer() {
    try {
      const accepted = await this.#deps.request('call.accept', { call: this.id });
      const answered = await this.#media.answer(accepted.media, accepted.offer);
      if (!answered || this.state !== 'trying') return;
      await this.#media.addCandidates(accepted.media, accepted.candidates ?? []);
      const { path, answer } = answered;
      await this.#deps.request('call.answer', { call: this.id, media: path.media, answer });
      path.release();
      if (this.#move('talking')) this.#take(this.#soundIsDue());
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @param {number} media @param {string} offer */
  async #answerOffer(media, offer) {
    await this.#voice.open();
    const answered = await this.#media.answer(media, offer);
    if (!answered) return;
    const { path, answer } = answered;
    await this.#deps.request('media.answer', { call: this.id, media: path.media, answer });
    path.release();
    await this.#media.expect();
  }

  /**
   * Leave the call: silent at once, over when the server has said how, or after a short while.
   * @param {string} method @param {object} params @param {string} reason ours, if we hear no other
   */
  #leave(method, params, reason) {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#setPending('leave');
    this.#release();
    const over = () => this.end(reason, this.side, 0);
    window.setTimeout(over, ENDED_WAIT_MS);
    this.#deps.request(method, params, { timeoutMs: LEAVE_MS }).catch(over);
  }

  /** The call cannot go on. @param {unknown} error */
  #fail(error) {
    if (this.state === 'ended' || this.#leaving) return;
    // The server may have carried out what it did not answer to, or wait for our answer after a
    // claim: leave no call behind.
    if (!(error instanceof RpcError) || this.direction === 'incoming') {
      const params = { call: this.id };
      this.#deps.request('call.hangup', params, { timeoutMs: LEAVE_MS }).catch(() => {});
    }
    this.end(reasonOf(error), 'server', 0);
  }

  /**
   * Let a step run whose failure the media's own recovery deals with.
   * @param {Promise<unknown>} step
   */
  #take(step) {
    step.catch((error) => {
      if (error instanceof NoMicrophone) this.#deps.trouble(error);
      else console.debug(`wsphone: call ${this.id}:`, error);
    });
  }

  #release() {
    this.keysHeard.forget();
    this.#media.close();
    this.#voice.close();
  }

  /** @param {'accept' | 'leave' | null} pending */
  #setPending(pending) {
    this.pending = pending;
    this.#deps.changed(this);
  }

  /** @param {CallState} state @returns {boolean} whether the call may go there */
  #move(state) {
    if (!MOVES[this.state].includes(state)) return false;
    this.state = state;
    if (state === 'talking') this.talkingSince = Date.now();
    if (state === 'ended') this.#release();
    this.#deps.changed(this);
    return true;
  }
}
