/** For administrators: the calls of everybody, and of one call why it went as it did. */

import { fill, find, make, mark, say, symbol } from './dom.js';
import { axis, lane } from './lanes.js';
import { RecordingPlayer } from './recording_player.js';
import { durationText, secondsText, texts, whenText } from './texts.js';

/** @typedef {import('./server_calls.js').ServerCall} ServerCall */
/** @typedef {import('./server_calls.js').CallReport} CallReport */
/** @typedef {import('./server_calls.js').Hop} Hop */

const ID_LENGTH = 8;
/** How often a call that goes on is looked at while it is in sight. */
const FOLLOW_MS = 2000;
/** Which hops speak well of how the call goes, and which do not; the others are neither. */
const TONES = /** @type {Record<string, string>} */ ({
  rang: 'good',
  accepted: 'good',
  answered: 'good',
  attached: 'good',
  media_connected: 'good',
  push_accepted: 'good',
  told_ringing: 'good',
  told_early: 'good',
  told_answer: 'good',
  unroutable: 'bad',
  refused: 'bad',
  left: 'bad',
  detached: 'bad',
  media_refused: 'bad',
  media_silent: 'bad',
  media_failed: 'bad',
  push_failed: 'bad',
  push_dropped: 'bad',
  push_given_up: 'bad',
  recording_refused: 'bad',
  recording_failed: 'bad',
  stopped: 'bad',
});

export class TimelineView {
  #scope = find('calls-scope', HTMLElement);
  #ownButton = find('calls-own', HTMLButtonElement);
  #allButton = find('calls-all', HTMLButtonElement);
  #ownCalls = find('own-calls', HTMLElement);
  #all = find('all-calls', HTMLElement);
  #recent = find('all-calls-recent', HTMLElement);
  #words = find('all-calls-words', HTMLElement);
  #list = find('all-calls-list', HTMLElement);
  #timeline = find('timeline', HTMLElement);
  #title = find('timeline-title', HTMLElement);
  #player;
  #source;
  #isAdmin;
  #shown = false;
  #everybody = false;
  /** Of several answers the last one asked for counts. */
  #turn = 0;
  /** @type {'' | 'looking' | 'trouble'} */
  #state = '';
  /** @type {ServerCall[]} */
  #calls = [];
  /** @type {CallReport | null} */
  #report = null;
  #following = 0;

  /** @param {import('./server_calls.js').ServerCalls} source @param {() => boolean} isAdmin */
  constructor(source, isAdmin) {
    this.#source = source;
    this.#player = new RecordingPlayer(source);
    this.#isAdmin = isAdmin;
    this.#ownButton.addEventListener('click', () => this.#choose(false));
    this.#allButton.addEventListener('click', () => this.#choose(true));
    find('all-calls-look', HTMLButtonElement).addEventListener('click', () => void this.#look());
    find('timeline-back', HTMLButtonElement).addEventListener('click', () => this.#back());
  }

  /** The calls come into sight, or are let be. @param {boolean} shown */
  show(shown) {
    if (shown && !this.#shown && this.#everybody) void this.#look();
    this.#shown = shown;
    this.#follow();
  }

  /** Somebody else may log in. */
  forget() {
    this.#turn += 1;
    this.#everybody = false;
    this.#calls = [];
    this.#report = null;
    this.#state = '';
    this.render();
  }

  render() {
    const isAdmin = this.#isAdmin();
    const everybody = isAdmin && this.#everybody;
    this.#scope.hidden = !isAdmin;
    this.#ownButton.setAttribute('aria-pressed', String(!everybody));
    this.#allButton.setAttribute('aria-pressed', String(everybody));
    this.#ownCalls.hidden = everybody;
    this.#all.hidden = !everybody;
    this.#recent.hidden = this.#report !== null;
    this.#timeline.hidden = this.#report === null;
    const nothing = this.#calls.length === 0 ? texts.timeline.none : '';
    say(this.#words, this.#state ? texts.timeline[this.#state] : nothing);
    this.#words.hidden = !this.#words.textContent;
    const entries = this.#calls.map((call) => ({ key: call.id, ...call }));
    fill(this.#list, entries, (call) => [this.#row(call)]);
    this.#player.show(this.#report);
    if (this.#report) renderReport(this.#report, this.#title);
  }

  /** @param {boolean} everybody */
  #choose(everybody) {
    this.#everybody = everybody;
    this.#report = null;
    if (everybody) void this.#look();
    this.render();
  }

  async #look() {
    const calls = await this.#fetch(() => this.#source.recent());
    if (calls) this.#calls = calls;
    this.render();
  }

  /** @param {string} id */
  async #open(id) {
    const report = await this.#fetch(() => this.#source.report(id));
    if (report) this.#report = report;
    this.render();
    if (!report) return;
    this.#title.focus();
    window.scrollTo(0, 0);
    this.#follow();
  }

  /** Keep a call that goes on up to date, for as long as somebody looks at it. */
  #follow() {
    clearTimeout(this.#following);
    const call = this.#report;
    if (!call || !this.#shown || !goesOn(call)) return;
    this.#following = window.setTimeout(async () => {
      if (this.#report !== call) return;
      const report = await this.#fetch(() => this.#source.report(call.id));
      if (this.#report !== call) return;
      if (report) this.#report = report;
      this.render();
      this.#follow();
    }, FOLLOW_MS);
  }

  /**
   * Null where it failed, or something else was asked for meanwhile.
   * @template T @param {() => Promise<T>} ask @returns {Promise<T | null>}
   */
  async #fetch(ask) {
    const turn = ++this.#turn;
    this.#state = 'looking';
    this.render();
    /** @type {T | null} */
    const found = await ask().catch(() => null);
    if (turn !== this.#turn) return null;
    this.#state = found === null ? 'trouble' : '';
    return found;
  }

  #back() {
    const id = this.#report?.id;
    this.#report = null;
    this.render();
    const rows = [...this.#list.children].filter((row) => row instanceof HTMLElement);
    rows.find((row) => row.dataset.key === id)?.querySelector('button')?.focus();
  }

  /** @param {ServerCall} call */
  #row(call) {
    const { caller, callee } = parties(call);
    const about = make('span', { class: 'about', text: outcomeText(call) });
    const title = make('b', { text: `${caller} → ${callee}` });
    const words = make('span', { class: 'words' }, title, about);
    const time = make('time', { text: whenText(call.started_at * 1000, Date.now()) });
    const sign = symbol(goesOn(call) ? 'phone' : call.answered_at === null ? 'close' : 'check');
    const face = make('span', { class: 'face' }, sign);
    const row = make('button', { class: 'row outcome' }, face, words, time);
    row.type = 'button';
    row.title = texts.timeline.open(caller, callee);
    row.dataset.testid = 'server-call';
    mark(row, 'tone', toneOf(call));
    row.addEventListener('click', () => void this.#open(call.id));
    return row;
  }
}

/** @param {CallReport} call @param {HTMLElement} title */
function renderReport(call, title) {
  const words = texts.timeline;
  const { caller, callee } = parties(call);
  say(title, `${caller} → ${callee}`);
  const when = whenText(call.started_at * 1000, Date.now());
  say(find('timeline-outcome', HTMLElement), `${outcomeText(call)} · ${when}`);
  mark(find('timeline-outcome', HTMLElement), 'tone', toneOf(call));
  say(find('timeline-id', HTMLElement), call.id);
  const lanes = call.branches.map((branch, place) => ({ key: `${call.id} ${place}`, ...branch }));
  fill(find('timeline-lanes', HTMLElement), lanes, (branch) => lane(branch, call));
  const rang = find('timeline-rang', HTMLElement);
  say(rang, call.branches.length ? '' : words.nothing);
  rang.hidden = !rang.textContent;
  find('timeline-axis', HTMLElement).replaceChildren(...(call.branches.length ? [axis(call)] : []));
  const none = find('timeline-none', HTMLElement);
  none.hidden = call.hops.length > 0;
  const hops = call.hops.map((hop, place) => ({ key: `${call.id} ${place}`, ...hop }));
  fill(find('timeline-hops', HTMLElement), hops, hopRow);
}

/** @param {Hop} hop @returns {Node[]} */
function hopRow({ after, what, side, leg, kind, device, reason, detail }) {
  const words = texts.timeline;
  const who = [words.sides[side] ?? side];
  if (kind) who.push(words.kinds[kind] ?? kind);
  const named = make('b', { text: who.join(', ') });
  const text = make('span', {}, named);
  text.append(` ${words.hops[what] ?? what}`);
  const more = [reason && (words.reasons[reason] ?? reason), detail].filter(Boolean).join(' · ');
  if (more) text.append(' ', make('span', { class: 'more', text: more }));
  const id = (leg ?? device ?? '').slice(0, ID_LENGTH);
  if (id) text.append(' ', make('code', { text: id }));
  const time = make('time', { text: `+${secondsText(after, 3)}` });
  const dot = make('i', { class: 'dot' });
  mark(dot, 'tone', TONES[what] ?? null);
  return [time, dot, text];
}

/** @param {ServerCall} call */
function parties({ caller_address, callee_address }) {
  const { removed } = texts.timeline;
  return { caller: caller_address || removed, callee: callee_address || removed };
}

/** @param {ServerCall} call */
function goesOn({ reason }) {
  return reason === null;
}

/** @param {ServerCall} call */
function toneOf(call) {
  if (call.answered_at !== null) return 'good';
  return goesOn(call) ? null : 'bad';
}

/** @param {ServerCall} call */
function outcomeText({ state, reason, code, answered_at, seconds }) {
  const words = texts.timeline;
  if (reason === null) {
    const now = words.states[state] ?? state;
    return answered_at === null ? now : `${now}, ${durationText(seconds)}`;
  }
  const why = words.reasons[reason] ?? reason;
  return answered_at === null
    ? `${why} (${code})`
    : `${words.talked(durationText(seconds))}, ${why}`;
}
