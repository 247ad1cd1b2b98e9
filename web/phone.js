/** The phone: the calls of this page, which of them is active, and what sounds. */

import { Call } from './call.js';
import { NoMicrophone, RpcError } from './errors.js';
import { connection, Spare } from './spare.js';

/** @typedef {import('./protocol.js').ListedCall} ListedCall */

/**
 * @typedef {{
 *   request: import('./protocol.js').Request,
 *   microphone: () => Promise<MediaStream>,
 *   store: { calls: import('./call.js').CallSnapshot[] },
 *   mintId: () => string,
 *   changed: () => void,
 *   trouble: (error: unknown) => void,
 *   over: (call: Call) => void,
 *   late: (how: { reason: string | null, by: string }) => void,
 * }} PhoneDeps `over`: a call ended that was one; `call.ended` or our own hang-up say how. `late`:
 *   a call that a person came for was over by then
 */

/** @typedef {{ id: string, answer: boolean }} Expected */

// A ringing call whose end we never heard stops this long after its time.
const RING_GRACE_MS = 5_000;

/**
 * The page shows it as `window.wsphone`: `wsphone.calls()` lists the calls that are not over, each
 * with `id`, `state`, `direction`, `peer`, `sound`, its RTCPeerConnection `pc` (null while there is
 * none) and `remoteStream`, a MediaStream that stays the same while media generations change.
 */
export class Phone {
  #deps;
  /** In the order in which they came. @type {Map<string, Call>} */
  #calls = new Map();
  /** @type {RTCIceServer[]} */
  #iceServers = [];
  #spare = new Spare(() => this.#iceServers);
  /** A call that a person was notified of, until it rings here. @type {Expected | null} */
  #expected = null;

  /** @param {PhoneDeps} deps */
  constructor(deps) {
    this.#deps = deps;
    /** Whether the server lets a call be recorded. */
    this.records = false;
    /** The call that ended last, until it is dismissed or another begins. @type {Call | null} */
    this.ended = null;
    for (const snapshot of deps.store.calls) this.#add(snapshot);
  }

  /** @returns {Call[]} */
  calls() {
    return [...this.#calls.values()];
  }

  /**
   * The one call that the microphone is for; one that is being left makes room.
   * @returns {Call | null}
   */
  get active() {
    const taken = this.calls().filter((call) => call.state !== 'incoming');
    return taken.find((call) => call.pending !== 'leave') ?? taken[0] ?? null;
  }

  /**
   * Those that ring here, oldest first; one that was just declined rings no more.
   * @returns {Call[]}
   */
  get incoming() {
    return this.calls().filter((call) => call.state === 'incoming' && call.pending !== 'leave');
  }

  /** What should be heard. @returns {'ring' | 'knock' | 'ringback' | null} */
  get tone() {
    if (this.incoming.some((call) => call.pending === null)) return this.active ? 'knock' : 'ring';
    const call = this.active;
    return call?.state === 'ringing' && call.progress === 'ringing' ? 'ringback' : null;
  }

  /** The call that a person came for and that does not ring here yet. */
  get expected() {
    return this.#expected?.id ?? null;
  }

  /** Whether a person sees a call here, or how it ended. @param {string} id */
  shows(id) {
    return this.#calls.has(id) || this.ended?.id === id;
  }

  // --- what a person does

  /** Somebody is at the page, and may be about to call. */
  prepare() {
    if (this.#calls.size === 0) this.#spare.prepare();
  }

  /**
   * Show a call as soon as it rings here, and answer it if that was asked for: a notification can
   * be clicked before there is a socket.
   * @param {string} id @param {boolean} answer
   */
  expect(id, answer) {
    this.#expected = { id, answer };
    const call = this.#calls.get(id);
    if (call) this.#meet(call);
    else void this.#look(id);
  }

  /** Call somebody. Rejects with NoMicrophone. @param {string} to */
  async dial(to) {
    if (this.active) return;
    const call = this.#add({
      id: this.#deps.mintId(),
      direction: 'outgoing',
      state: 'trying',
      peer: { address: to },
      media: 0,
      digits: 0,
      muted: false,
      talkingSince: null,
    });
    this.ended = null;
    const started = call.start(to);
    this.#changed();
    try {
      await started;
    } catch (error) {
      this.#drop(call);
      throw error;
    }
  }

  /**
   * Answer a call, and end the one that is active. Rejects with NoMicrophone.
   * @param {Call} call
   */
  async accept(call) {
    this.active?.hangUp();
    this.ended = null;
    await call.accept();
  }

  /**
   * A second call is told that we are busy, so that it may ring on elsewhere.
   * @param {Call} call
   */
  decline(call) {
    call.decline(this.active ? 'busy' : 'declined');
  }

  dismiss() {
    this.ended = null;
    this.#changed();
  }

  hangUpAll() {
    for (const call of this.calls()) if (call.state !== 'incoming') call.hangUp();
  }

  /** Let go of every call without a word: the account has changed. */
  reset() {
    this.#expected = null;
    for (const call of this.calls()) this.#drop(call);
    this.dismiss();
  }

  /** The network may be another one. */
  nudge() {
    for (const call of this.calls()) call.nudge();
  }

  // --- what the session says

  /** @param {import('./protocol.js').Opened} opened @param {boolean} reloaded the page is new */
  opened(opened, reloaded) {
    this.#learn(opened.ice_servers);
    this.records = (opened.server.features ?? []).includes('record');
    if (opened.resumed && !reloaded) return this.nudge();
    for (const call of this.calls()) {
      const listed = opened.calls.find((entry) => entry.call === call.id);
      void this.#recover(call, listed ?? null, !opened.resumed);
    }
  }

  /** @param {string} method @param {any} params */
  event(method, params) {
    if (method === 'session.ice_servers') return this.#learn(params.ice_servers);
    if (method === 'call.incoming') return this.#ring(params);
    const call = this.#calls.get(params.call);
    if (!call) return method === 'call.ended' ? this.#miss(params) : undefined;
    switch (method) {
      case 'call.progress':
        return call.progressed(params);
      case 'call.answered':
        return call.answered(params);
      case 'call.held':
        return call.hold.heard(params.held);
      case 'call.recording':
        return call.recording.heard(params.on);
      case 'call.dtmf':
        return call.keysHeard.add(params.digits);
      case 'call.figures':
        return void (call.figures = params);
      case 'call.ended':
        return call.end(params.reason, params.by, params.seconds);
      case 'media.offer':
        return call.offered(params);
      case 'media.candidates':
        return call.trickled(params);
    }
  }

  // --- inside

  /**
   * For every connection from now on; what was made ahead knows the old ones, whose credentials
   * may have ended when it is used.
   * @param {RTCIceServer[]} iceServers
   */
  #learn(iceServers) {
    this.#iceServers = iceServers;
    this.#spare.drop();
  }

  /** @param {import('./protocol.js').Incoming} incoming */
  #ring(incoming) {
    const known = this.#calls.get(incoming.call);
    if (known && known.state !== 'incoming') return;
    if (!known) this.#addIncoming(incoming);
    this.#deps.request('call.ringing', { call: incoming.call }).catch(() => {});
    this.#changed();
    const call = this.#calls.get(incoming.call);
    if (call) this.#meet(call);
  }

  /** @param {Call} call that rings here, or did */
  #meet(call) {
    if (call.id !== this.#expected?.id) return;
    const { answer } = this.#expected;
    this.#expected = null;
    // Whoever talks has to choose which of the two calls goes on.
    if (!answer || call.state !== 'incoming' || this.active) return;
    this.accept(call).catch(this.#deps.trouble);
  }

  /** A server that knows the call lets it ring here by itself. @param {string} id */
  async #look(id) {
    try {
      const { reason, by } = await this.#deps.request('call.get', { call: id });
      if (reason) this.#miss({ call: id, reason, by });
    } catch (error) {
      if (error instanceof RpcError) this.#miss({ call: id, reason: error.ended, by: 'server' });
    }
  }

  /** @param {{ call: string, reason: string | null, by: string }} ended */
  #miss({ call, reason, by }) {
    if (call !== this.#expected?.id) return;
    this.#expected = null;
    this.#deps.late({ reason, by });
  }

  /** @param {import('./protocol.js').Incoming} incoming */
  #addIncoming(incoming) {
    const call = this.#add({
      id: incoming.call,
      direction: 'incoming',
      state: 'incoming',
      peer: incoming.from,
      media: 0,
      digits: 0,
      muted: false,
      talkingSince: null,
    });
    const over = () => {
      if (call.state === 'incoming') call.end('no_answer', 'server', 0);
    };
    window.setTimeout(over, incoming.ring_seconds * 1000 + RING_GRACE_MS);
  }

  /**
   * @param {Call} call @param {ListedCall | null} listed @param {boolean} newSession
   */
  async #recover(call, listed, newSession) {
    try {
      const current = listed ?? (await this.#deps.request('call.get', { call: call.id }));
      // A new session names the calls that we take part in: in this one we do not.
      const lost = newSession && !listed && call.state !== 'incoming' && !current.reason;
      if (lost) call.hangUp();
      else await call.recover(current);
    } catch (error) {
      if (error instanceof NoMicrophone) this.#deps.trouble(error);
      // A server that was started anew does not know the call at all.
      if (error instanceof RpcError) call.end(error.ended ?? 'server_restart', 'server', 0);
      else call.hangUp();
    }
  }

  /** @param {import('./call.js').CallSnapshot} snapshot */
  #add(snapshot) {
    const call = new Call(snapshot, {
      request: this.#deps.request,
      connection: () => connection(this.#iceServers),
      offerer: () => this.#spare.take(),
      microphone: this.#deps.microphone,
      changed: (changed) => this.#follow(changed),
      trouble: this.#deps.trouble,
    });
    this.#calls.set(call.id, call);
    return call;
  }

  /** @param {Call} call */
  #follow(call) {
    if (call.state === 'ended' && this.#calls.delete(call.id)) {
      this.ended = call;
      this.#deps.over(call);
    }
    this.#changed();
  }

  /** Let go of a call that was none, or is nobody's any more. @param {Call} call */
  #drop(call) {
    this.#calls.delete(call.id);
    call.end('cancelled', call.side, 0);
    this.#changed();
  }

  #changed() {
    this.#deps.store.calls = this.calls().map((call) => call.snapshot());
    this.#deps.changed();
  }
}
