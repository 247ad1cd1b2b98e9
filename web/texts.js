/** Everything that the page says, in one place, and the choice of the right sentence. */

import { HttpError, NoAnswer, NoMicrophone, RpcError } from './errors.js';

export const texts = Object.freeze({
  title: 'WSPhone',
  online: 'Online',
  connecting: 'Connecting…',
  offline: 'Offline, trying again…',
  offlineNetwork: 'Offline, waiting for the network…',
  moved: 'In use in another tab',
  sessionEnded: 'You were logged out. Log in again to go on.',
  forbidden: 'The server does not let this account or this page in.',
  loginWrong: 'That name and password do not belong together.',
  loginEmpty: 'Enter your name and your password.',
  loginUnreachable: 'The server cannot be reached. Check the network and try again.',
  loginFailed: 'Logging in failed. Try again.',
  insecure: 'Calls need a secure page: open this one with https:// or at localhost.',
  dialBad: 'Enter a name, an address or a number.',
  soundBlocked: 'The browser holds the sound back. Press any key or tap to hear the call.',
  noAnswer: 'The server did not answer in time. Check the network and try again.',
  digitLost: 'The digit did not get through. Press it again.',
  mute: 'Mute',
  unmute: 'Unmute',
  callAgain: 'Call again',
  callBack: 'Call back',
  accept: 'Accept',
  endAndAccept: 'End and accept',
  incoming: 'is calling',
  pendingMicrophone: 'Waiting for the microphone…',
});

/** @param {number} seconds */
export function busyText(seconds) {
  return `The server is busy. Try again in ${seconds} s.`;
}

/** @param {number} seconds */
export function slowDownText(seconds) {
  return `Too many attempts. Try again in ${seconds} s.`;
}

/** @param {string} title */
export function titleText(title) {
  return `${title} is calling · ${texts.title}`;
}

const MOST_TITLES = 3;

/** @param {string[]} titles of the other calls that ring */
export function moreCallsText(titles) {
  if (titles.length === 0) return '';
  const rest = titles.length - MOST_TITLES;
  const more = rest > 0 ? ` and ${rest} more` : '';
  return `Also calling: ${titles.slice(0, MOST_TITLES).join(', ')}${more}`;
}

const PROGRESS = Object.freeze({
  trying: 'Calling…',
  waking: 'Waking their phone…',
  ringing: 'Ringing…',
  early: 'Ringing…',
});

/** @param {import('./call.js').Call} call */
export function stateText(call) {
  if (call.state === 'ended') return 'Call ended';
  if (call.pending === 'leave') return 'Ending…';
  if (call.state === 'talking') {
    if (call.sound === 'lost') return 'The sound was lost. Reconnecting…';
    return call.sound === 'connected' ? 'Talking' : 'Connecting the sound…';
  }
  if (call.direction === 'incoming') return 'Connecting…';
  return PROGRESS[call.progress];
}

/** Why calls end: what the one who calls reads, and what the one who is called reads. */
const REASONS = Object.freeze({
  cancelled: ['You ended the call before it was answered.', 'They hung up before you answered.'],
  declined: ['They declined the call.', 'You declined the call.'],
  busy: ['They are busy in another call.', 'You were busy.'],
  no_answer: ['Nobody answered.', 'You missed this call.'],
  not_found: ['Nobody has this name or number.', 'Nobody has this name or number.'],
  unavailable: ['None of their phones can be reached now.', 'The connection to them was lost.'],
  answered_elsewhere: ['The call was answered elsewhere.', 'Answered on another of your devices.'],
  declined_elsewhere: ['They declined on another device.', 'Declined on another of your devices.'],
  forbidden: ['You may not call this address.', 'This call is not allowed.'],
  incompatible: [
    'Your phones share no way to carry sound.',
    'Your phones share no way to carry sound.',
  ],
  media_failed: ['The sound could not get through.', 'The sound could not get through.'],
  timeout: ['The other side did not respond in time.', 'The other side did not respond in time.'],
  limit: ['The server has too many calls. Try again soon.', 'The server has too many calls.'],
  server_restart: ['The server was restarted. Try again in a minute.', 'The server was restarted.'],
  error: ['Something went wrong. Try again.', 'Something went wrong.'],
});

/** Why a call ended, in a sentence. @param {import('./call.js').Call} call */
export function reasonText({ reason, by, side, talkingSince }) {
  if (reason === 'hangup') return by === side ? 'You hung up.' : 'They hung up.';
  if (reason === 'unavailable' && talkingSince !== null) {
    return by === side ? 'Your connection was lost.' : 'The connection to them was lost.';
  }
  const known = /** @type {Record<string, readonly string[]>} */ (REASONS)[reason ?? 'error'];
  if (reason === 'timeout' && by === 'server') return texts.noAnswer;
  return (known ?? REASONS.error)[side === 'caller' ? 0 : 1] ?? '';
}

/** Which microphone trouble a browser tells by which name. @type {Record<string, string>} */
const MICROPHONE = {
  insecure: texts.insecure,
  NotAllowedError:
    'The microphone is blocked. Allow it for this page in the address bar, then try again.',
  NotFoundError: 'No microphone was found. Plug one in, then try again.',
  NotReadableError: 'Another program holds the microphone. Close it, then try again.',
  OverconstrainedError: 'No microphone fits the setting wsphone.audio of this browser.',
};

/** What to say of a failure that ends no call. @param {unknown} error */
export function errorText(error) {
  if (error instanceof NoMicrophone) {
    return MICROPHONE[error.kind] ?? 'The microphone could not be opened.';
  }
  if (error instanceof NoAnswer) return texts.noAnswer;
  return error instanceof RpcError ? error.message : 'Something went wrong. Try again.';
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
