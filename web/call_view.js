/** The call on the page: who, how far, how long, and why it ended. */

import { shown } from './address.js';
import { find, mark, say } from './dom.js';
import { SoundView } from './sound_view.js';
import { durationText, reasonText, recordingText, stateText, texts } from './texts.js';

/** @typedef {import('./call.js').Call} Call */
/** @typedef {import('./phone.js').Phone} Phone */
/** @typedef {import('./protocol.js').Party} Party */

const TICK_MS = 500;
const TICKS_A_LOOK = 4;

export class CallView {
  #section = find('call', HTMLElement);
  #initials = find('call-initials', HTMLElement);
  #peer = find('call-peer', HTMLElement);
  #detail = find('call-detail', HTMLElement);
  #state = find('call-state', HTMLElement);
  #timer = find('call-timer', HTMLElement);
  #reason = find('call-reason', HTMLElement);
  #controls = find('call-controls', HTMLElement);
  #after = find('call-after', HTMLElement);
  #mute = find('mute', HTMLButtonElement);
  #muteLabel = find('mute-label', HTMLElement);
  #muteIcon = find('mute-icon', SVGUseElement);
  #hold = find('hold', HTMLButtonElement);
  #holdLabel = find('hold-label', HTMLElement);
  #holdIcon = find('hold-icon', SVGUseElement);
  #record = find('record', HTMLButtonElement);
  #recorded = find('call-recorded', HTMLElement);
  #keypadToggle = find('keypad-toggle', HTMLButtonElement);
  #hangup = find('hangup', HTMLButtonElement);
  #redial = find('redial', HTMLButtonElement);
  #keysHeard = find('call-keys', HTMLElement);
  #sound = new SoundView();
  #clock = 0;
  #ticks = 0;
  #phone;
  #actions;

  /**
   * @param {Phone} phone
   * @param {{
   *   toggleKeypad: () => void, redial: (address: string) => void, who: (party: Party) => Party,
   *   failed: (error: unknown) => void,
   * }} actions
   */
  constructor(phone, actions) {
    this.#phone = phone;
    this.#actions = actions;
    this.#mute.addEventListener('click', () => this.toggleMute());
    this.#hold.addEventListener('click', () => this.toggleHold());
    this.#record.addEventListener('click', () => {
      phone.active?.recording.toggle().catch(actions.failed);
    });
    this.#keypadToggle.addEventListener('click', actions.toggleKeypad);
    this.#hangup.addEventListener('click', () => phone.active?.hangUp());
    this.#redial.addEventListener('click', () => {
      if (phone.ended) actions.redial(phone.ended.peer.address);
    });
    find('dismiss', HTMLButtonElement).addEventListener('click', () => phone.dismiss());
  }

  toggleMute() {
    const call = this.#phone.active;
    if (call?.state === 'talking') call.setMuted(!call.muted);
  }

  toggleHold() {
    this.#phone.active?.toggleHold().catch(this.#actions.failed);
  }

  /** @param {boolean} keypadOpen */
  render(keypadOpen) {
    const call = this.#phone.active ?? this.#phone.ended;
    this.#section.hidden = call === null;
    this.#runClock(call?.state === 'talking');
    mark(this.#section, 'state', call?.state ?? null);
    if (!call) return;
    const over = call.state === 'ended';
    const { title, detail, initials } = shown(this.#actions.who(call.peer));
    mark(this.#section, 'sound', call.sound);
    mark(this.#section, 'hold', call.hold.by);
    mark(this.#section, 'recorded', call.recording.on && !over ? 'yes' : null);
    mark(this.#section, 'reason', call.reason);
    mark(this.#section, 'by', call.by);
    say(this.#initials, initials);
    say(this.#peer, title);
    say(this.#detail, detail);
    say(this.#state, stateText(call, title));
    say(this.#recorded, over ? '' : recordingText(call.recording));
    say(this.#reason, over ? reasonText(call) : '');
    this.#reason.hidden = !over;
    this.#controls.hidden = over;
    this.#after.hidden = !over;
    const { digits } = call.keysHeard;
    say(this.#keysHeard, digits ? texts.keysHeard([...digits].join(' ')) : '');
    this.#renderControls(call, keypadOpen);
    this.#renderTimer(call);
  }

  /** @param {Call} call @param {boolean} keypadOpen */
  #renderControls(call, keypadOpen) {
    const talking = call.state === 'talking' && call.pending === null;
    this.#mute.disabled = !talking;
    this.#mute.setAttribute('aria-pressed', String(call.muted));
    this.#muteIcon.setAttribute('href', call.muted ? '#i-mic-off' : '#i-mic');
    say(this.#redial, call.direction === 'outgoing' ? texts.callAgain : texts.callBack);
    say(this.#muteLabel, call.muted ? texts.unmute : texts.mute);
    this.#hold.disabled = !talking;
    this.#hold.setAttribute('aria-pressed', String(call.hold.ours));
    this.#holdIcon.setAttribute('href', call.hold.ours ? '#i-resume' : '#i-pause');
    say(this.#holdLabel, call.hold.ours ? texts.unhold : texts.hold);
    this.#record.hidden = !this.#phone.records;
    this.#record.disabled = !talking || call.recording.asking;
    this.#record.setAttribute('aria-pressed', String(call.recording.on));
    this.#keypadToggle.disabled = !talking;
    this.#keypadToggle.setAttribute('aria-expanded', String(talking && keypadOpen));
    this.#hangup.disabled = call.pending === 'leave';
  }

  /** @param {Call} call */
  #renderTimer(call) {
    const talked = call.talkingSince !== null;
    this.#timer.hidden = !talked;
    if (call.talkingSince === null) return;
    const seconds = call.state === 'ended' ? call.seconds : (Date.now() - call.talkingSince) / 1000;
    say(this.#timer, durationText(seconds));
  }

  /** @param {boolean} on */
  #runClock(on) {
    if (on === (this.#clock !== 0)) return;
    window.clearInterval(this.#clock);
    this.#clock = on ? window.setInterval(() => this.#tick(), TICK_MS) : 0;
    this.#ticks = 0;
    this.#sound.hide();
  }

  #tick() {
    const call = this.#phone.active;
    if (!call) return;
    this.#renderTimer(call);
    if (++this.#ticks % TICKS_A_LOOK === 0) void this.#sound.look(call);
  }
}
