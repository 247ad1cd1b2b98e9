/** Draws what became of each endpoint that was to ring: a lane each, all on one scale of time. */

import { make, mark, symbol } from './dom.js';
import { secondsText, texts } from './texts.js';

/** @typedef {import('./server_calls.js').Branch} Branch */
/** @typedef {import('./server_calls.js').CallReport} CallReport */

// Talk may last for an hour: after the answer a lane goes on for this share of its width.
const TALK_SHARE = 0.18;
const SHORTEST_SECONDS = 0.5;
const ID_LENGTH = 8;

/** Verdicts that a phone system is proud of, those that nobody is to blame for; others are bad. */
const TONES = /** @type {Record<string, string>} */ ({
  answered: 'good',
  woke: 'good',
  rang: 'fair',
  refused: 'fair',
});

/** How long the set-up took: the scale of all lanes. @param {CallReport} call */
export function setUpSeconds(call) {
  return Math.max(SHORTEST_SECONDS, (call.answered_at ?? lastMoment(call)) - call.started_at);
}

/** The end of a call, or until when it is told. @param {CallReport} call */
function lastMoment({ started_at, ended_at, as_of }) {
  return ended_at ?? as_of ?? started_at;
}

/** @param {Branch} branch @param {CallReport} call @returns {Node[]} */
export function lane(branch, call) {
  const tone = branch.reason === 'answered_elsewhere' ? 'fair' : (TONES[branch.verdict] ?? 'bad');
  const words = texts.timeline;
  const kind = branch.kind === null ? words.pushed : (words.kinds[branch.kind] ?? branch.kind);
  const id = make('code', { text: (branch.leg ?? branch.device ?? '').slice(0, ID_LENGTH) });
  // What ended all of the call says nothing of this endpoint, unless it refused.
  const tells = branch.verdict === 'refused' || branch.reason !== call.reason;
  const reason = tells && branch.reason && (words.reasons[branch.reason] ?? branch.reason);
  const verdict = words.verdicts[branch.verdict] ?? branch.verdict;
  const said = make('span', { text: reason ? `${verdict} (${reason})` : verdict });
  const sign = symbol(tone === 'good' ? 'check' : tone === 'fair' ? 'clock' : 'close');
  const fate = make('p', { class: 'fate' }, sign, said);
  mark(fate, 'tone', tone);
  const name = make('p', { class: 'lane-name' }, make('b', { text: kind }), id);
  return [name, fate, track(branch, call)];
}

/** @param {CallReport} call */
export function axis(call) {
  const element = make('div', { class: 'axis' });
  element.setAttribute('aria-hidden', 'true');
  for (const at of [0, setUpSeconds(call)]) {
    element.append(make('span', { text: texts.timeline.seconds(secondsText(at)) }));
  }
  element.style.setProperty('--talk', call.answered_at === null ? '0' : String(TALK_SHARE));
  return element;
}

/** @param {Branch} branch @param {CallReport} call */
function track({ since, rang_at, answered_at, gone_at }, call) {
  const element = make('div', { class: 'track' });
  element.setAttribute('aria-hidden', 'true');
  const whole = setUpSeconds(call);
  const room = call.answered_at === null ? 1 : 1 - TALK_SHARE;
  const place = (/** @type {number} */ at) =>
    Math.min(1, Math.max(0, (at - call.started_at) / whole)) * room;
  const end = place(answered_at ?? gone_at ?? lastMoment(call));
  const rang = rang_at === null ? end : Math.min(end, place(rang_at));
  element.append(piece('wait', place(since), rang), piece('ring', rang, end));
  if (answered_at !== null) element.append(piece('talk', end, 1));
  return element;
}

/** @param {string} kind @param {number} from @param {number} to */
function piece(kind, from, to) {
  const element = make('i', { class: kind });
  // By the object model: the page's policy takes no style from markup.
  element.style.setProperty('left', `${from * 100}%`);
  element.style.setProperty('width', `${Math.max(0, to - from) * 100}%`);
  return element;
}
