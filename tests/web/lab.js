/** Parts for tests: a session that writes down what happens, and two phones joined in memory. */

import { LoginNeeded, RpcError } from './errors.js';
import { Phone } from './phone.js';
import { Session } from './session.js';

/** A session against the hub of this page's origin; what it says is in the lists it returns with. */
export function openSession(tokens = ['token'], wokenBy = null) {
  const heard = { events: [], stopped: [], states: [], resumed: [] };
  const store = { place: null };
  const session = new Session({
    url: `ws://${location.host}/ws`,
    device: () => ({ id: 'lab', platform: 'web' }),
    token: async () => {
      if (tokens.length === 0) throw new LoginNeeded();
      return tokens[0];
    },
    tokenRefused: () => tokens.shift(),
    store,
    wokenBy: () => wokenBy,
    random: () => 0,
    changed: () => heard.states.push(session.state),
    opened: (opened) => heard.resumed.push(opened.resumed),
    event: (method, params) => heard.events.push(params.seq),
    stopped: (why) => heard.stopped.push(why),
  });
  session.start();
  return { session, store, heard };
}

/** A tone in place of a microphone: nobody has to allow it. */
export async function tone() {
  const context = new AudioContext();
  const oscillator = new OscillatorNode(context);
  const out = new MediaStreamAudioDestinationNode(context);
  oscillator.connect(out);
  oscillator.start();
  return out.stream;
}

/** Wait until something holds; a test's own time limit ends a wait in vain. */
export async function until(holds) {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Let a call's path break down, as its browser would tell. */
export function fail({ pc }) {
  Object.defineProperty(pc, 'connectionState', { value: 'failed' });
  pc.onconnectionstatechange();
}

/** A direct call's server between two phones: relays, and lets one offer run at a time. */
export class Switch {
  #phones = {};
  #open = null;
  /** Everything that was asked, as [who, method, params]. */
  asked = [];
  /** Who was told that which call is over. */
  over = [];
  /** Who came too late for a call, and how it had ended. */
  late = [];
  /** How many offers are still to be refused, as if another were open. */
  refusals = 0;
  /** Whether nobody can hold, or come back. */
  holdFails = false;

  /** A phone of this switch; `stored` is what the tab kept of an earlier one. */
  add(name, { microphone = tone, stored = [] } = {}) {
    const store = { calls: stored };
    const phone = new Phone({
      request: (method, params) => this.#ask(name, method, params),
      microphone,
      store,
      mintId: () => crypto.randomUUID(),
      changed: () => {},
      trouble: () => {},
      over: (call) => this.over.push([name, call.id]),
      late: (how) => this.late.push([name, how]),
    });
    this.#phones[name] = phone;
    return { phone, store };
  }

  tell(name, method, params) {
    queueMicrotask(() => this.#phones[name]?.event(method, params));
  }

  async #ask(name, method, params) {
    this.asked.push([name, method, params]);
    await null;
    const other = name === 'alice' ? 'bob' : 'alice';
    const { call } = params;
    switch (method) {
      case 'call.start':
        this.started = params;
        this.tell(other, 'call.incoming', { ...params, from: { address: name }, ring_seconds: 30 });
        return { call, state: 'ringing' };
      case 'call.ringing':
        this.tell(other, 'call.progress', { call, state: 'ringing' });
        return {};
      case 'call.accept':
        return { media: this.started.media, offer: this.started.offer, candidates: [] };
      case 'call.answer':
        this.tell(other, 'call.answered', params);
        return {};
      case 'call.get':
        return { call, state: 'talking' };
      case 'call.hangup':
      case 'call.reject':
        return this.#end(name, method, params);
      case 'call.hold':
      case 'call.unhold': {
        const by = name === 'alice' ? 'caller' : 'callee';
        if (this.holdFails) throw new RpcError({ code: -32603 });
        this.tell(other, 'call.held', { call, held: method === 'call.hold', by });
        return {};
      }
      case 'call.record':
        if (this.recordFails) throw new RpcError({ code: -32001, message: 'not here' });
        for (const party of Object.keys(this.#phones)) this.tell(party, 'call.recording', params);
        return {};
      case 'media.candidates':
        this.tell(other, method, params);
        return {};
      case 'media.offer':
        return this.#relay(other, params);
      case 'media.answer':
        this.#open?.({ answer: params.answer });
        this.#open = null;
        return {};
    }
    return {};
  }

  #end(name, method, { call, reason = 'hangup' }) {
    const ended = { call, reason, by: name === 'alice' ? 'caller' : 'callee', seconds: 0 };
    for (const party of Object.keys(this.#phones)) this.tell(party, 'call.ended', ended);
    return {};
  }

  #relay(other, params) {
    if (this.#open || this.refusals-- > 0) {
      throw new RpcError({ code: -32003, data: { retry_after: 0.05 } });
    }
    return new Promise((resolve) => {
      this.#open = resolve;
      this.tell(other, 'media.offer', params);
    });
  }
}

/** Two phones that talk: alice called bob. */
export async function talking() {
  const line = new Switch();
  const alice = line.add('alice');
  const bob = line.add('bob');
  await alice.phone.dial('bob');
  await until(() => bob.phone.incoming.length === 1);
  const [incoming] = bob.phone.incoming;
  await bob.phone.accept(incoming);
  const [a, b] = [alice.phone.active, bob.phone.active];
  await until(() => a.sound === 'connected' && b.sound === 'connected');
  return { line, alice, bob, a, b };
}
