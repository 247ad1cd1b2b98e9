/** The language in use, and the choice of the right sentence. */

import { HttpError, LoginNeeded, NoAnswer, NoMicrophone, RpcError } from './errors.js';
import { de } from './words/de.js';
import { en } from './words/en.js';

/** @type {Record<string, typeof en>} */
export const LANGUAGES = Object.freeze({ en, de });

/** Every sentence of the page; a binding that follows `speak`. */
export let texts = en;
let spoken = 'en';

/**
 * Use a language, and put it into every element that says which text it shows.
 * @param {string} language one of LANGUAGES
 */
export function speak(language) {
  spoken = Object.hasOwn(LANGUAGES, language) ? language : 'en';
  texts = LANGUAGES[spoken] ?? en;
  document.documentElement.lang = spoken;
  for (const [attribute, put] of Object.entries(PLACES)) {
    for (const element of document.querySelectorAll(`[data-${attribute}]`)) {
      put(element, lookUp(element.getAttribute(`data-${attribute}`) ?? ''));
    }
  }
}

/** The first of a person's languages that we have. @param {readonly string[]} wanted */
export function bestLanguage(wanted) {
  const known = wanted.map((tag) => tag.toLowerCase().split('-')[0] ?? '');
  return known.find((tag) => Object.hasOwn(LANGUAGES, tag)) ?? 'en';
}

/** @type {Record<string, (element: Element, text: string) => void>} */
const PLACES = {
  text: (element, text) => (element.textContent = text),
  label: (element, text) => element.setAttribute('aria-label', text),
  placeholder: (element, text) => element.setAttribute('placeholder', text),
  alt: (element, text) => element.setAttribute('alt', text),
};

/** @param {string} path such as `login` or `field.username` @returns {string} */
function lookUp(path) {
  /** @type {any} */
  let found = texts;
  for (const key of path.split('.')) found = found?.[key];
  if (typeof found !== 'string') throw new Error(`there is no text ${path}`);
  return found;
}

/** @param {string} title of who calls */
export function titleText(title) {
  return `${texts.isCalling(title)} · ${texts.title}`;
}

const MOST_TITLES = 3;

/** @param {string[]} titles of the other calls that ring */
export function moreCallsText(titles) {
  if (titles.length === 0) return '';
  const names = titles.slice(0, MOST_TITLES).join(', ');
  const rest = titles.length - MOST_TITLES;
  return texts.alsoCalling(rest > 0 ? texts.andMore(names, rest) : names);
}

/** @param {import('./call.js').Call} call @param {string} name of the other side */
export function stateText(call, name) {
  if (call.state === 'ended') return texts.callEnded;
  if (call.pending === 'leave') return texts.ending;
  if (call.state === 'talking') {
    if (call.sound === 'lost') return texts.soundLost;
    if (call.hold.by !== 'nobody') return texts.held[call.hold.by](name);
    return call.sound === 'connected' ? texts.talking : texts.soundConnecting;
  }
  return call.direction === 'incoming' ? texts.connecting : texts.progress[call.progress];
}

/** What both sides are told. @param {import('./recording.js').Recording} recording */
export function recordingText({ on, over }) {
  if (on) return texts.recorded;
  return over ? texts.recordingOver : '';
}

/**
 * How a call ended, as much as the sentence needs.
 * @typedef {{
 *   reason: string | null, by: string | null, side: string, talkingSince: number | null,
 * }} HowEnded
 */

/** Why a call ended, in a sentence. @param {HowEnded} call */
export function reasonText({ reason, by, side, talkingSince }) {
  if (reason === 'hangup') return by === side ? texts.youHungUp : texts.theyHungUp;
  if (reason === 'unavailable' && talkingSince !== null) {
    return by === side ? texts.yourConnection : texts.theirConnection;
  }
  if (reason === 'timeout' && by === 'server') return texts.noAnswer;
  const known = texts.reasons[reason ?? 'error'] ?? texts.reasons.error;
  return known?.[side === 'caller' ? 0 : 1] ?? '';
}

/** What to say of a failure that ends no call. @param {unknown} error */
export function errorText(error) {
  if (error instanceof NoMicrophone) {
    return texts.microphoneTrouble[error.kind] ?? texts.microphoneFailed;
  }
  if (error instanceof NoAnswer) return texts.noAnswer;
  return error instanceof RpcError ? error.message : texts.wrong;
}

/**
 * Why the server did not do what it was asked by HTTP.
 * @param {unknown} error
 * @param {{ invalid?: string, full?: string }} [words] of what was asked
 */
export function refusalText(error, { invalid = texts.wrong, full = texts.wrong } = {}) {
  if (error instanceof LoginNeeded) return texts.sessionEnded;
  if (!(error instanceof HttpError)) return errorText(error);
  if (error.status === 0) return texts.loginUnreachable;
  if (error.retryAfterSeconds !== null) return texts.busyServer(error.retryAfterSeconds);
  return { 409: full, 422: invalid }[error.status] ?? texts.wrong;
}

/** Why logging in failed. @param {unknown} error */
export function loginErrorText(error) {
  if (!(error instanceof HttpError)) return texts.loginFailed;
  if (error.status === 0) return texts.loginUnreachable;
  if ([400, 401, 422].includes(error.status)) return texts.loginWrong;
  return error.status === 403 ? texts.forbidden : texts.loginFailed;
}

/** @param {number} seconds @returns {string} such as 0:07 or 1:02:03 */
export function durationText(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, index) => (index ? String(part).padStart(2, '0') : part)).join(':');
}

/**
 * In the reader's own way, to the millisecond at most.
 * @param {number} seconds @param {number} [digits] behind the point, at least
 */
export function secondsText(seconds, digits = 0) {
  const form = { minimumFractionDigits: digits, maximumFractionDigits: 3 };
  return new Intl.NumberFormat(locale(), form).format(seconds);
}

/** The reader's own way to write times and numbers, in the language of the page. */
function locale() {
  return navigator.languages.find((tag) => tag.toLowerCase().split('-')[0] === spoken) ?? spoken;
}

/**
 * When something was, by the reader's clock: today's by the time, older by the day too.
 * @param {number} at @param {number} now
 */
export function whenText(at, now) {
  const today = new Date(at).toDateString() === new Date(now).toDateString();
  const day = /** @type {const} */ ({ day: 'numeric', month: 'short' });
  const time = /** @type {const} */ ({ hour: '2-digit', minute: '2-digit' });
  const form = new Intl.DateTimeFormat(locale(), {
    ...(today ? {} : day),
    ...time,
  });
  return form.format(at);
}

/** @param {number} share of 1 */
function percent(share) {
  const form = new Intl.NumberFormat(locale(), { style: 'percent', maximumFractionDigits: 1 });
  return form.format(share);
}

/** @param {number} mos */
function score(mos) {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: 1 }).format(mos);
}

/** Whether a share of 1 is worth a word. @param {number | null} share */
function isLossy(share) {
  return share !== null && share >= 0.001;
}

/**
 * How the sound of a call is carried, in a line.
 * @param {import('./figures.js').Figures} figures
 */
export function figuresText({ codec, lostHere, lostThere, roundTripMs, mos }) {
  const parts = [codec];
  if (isLossy(lostHere)) parts.push(texts.lossHere(percent(lostHere ?? 0)));
  if (isLossy(lostThere)) parts.push(texts.lossThere(percent(lostThere ?? 0)));
  if (!isLossy(lostHere) && !isLossy(lostThere)) parts.push(texts.noLoss);
  if (roundTripMs !== null) parts.push(texts.roundTrip(Math.round(roundTripMs)));
  if (mos !== null) parts.push(texts.quality(score(mos)));
  return parts.join(' · ');
}

/**
 * One direction of it now, in few words.
 * @param {number} quality @param {number} loss @param {number | null} jitterMs
 */
export function directionText(quality, loss, jitterMs) {
  const parts = [score(quality)];
  if (isLossy(loss)) parts.push(`−${percent(loss)}`);
  if (jitterMs !== null) parts.push(texts.jitter(Math.round(jitterMs)));
  return parts.join(' · ');
}

/** What a graph shows, for who does not see it. @param {{ least: number, most: number }} span */
export function graphText({ least, most }) {
  return texts.graph(score(least), score(most));
}
