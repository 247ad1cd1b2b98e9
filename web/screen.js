/** What is seen and heard of one person's phone: the views, joined, and what a person chooses. */

import { shown } from './address.js';
import { CallView } from './call_view.js';
import { DialView } from './dial_view.js';
import { find, say, takesKeys } from './dom.js';
import { IncomingView } from './incoming_view.js';
import { LogView } from './log_view.js';
import { openMicrophone } from './microphone.js';
import { Notices } from './notices.js';
import { PeopleView } from './people_view.js';
import { paint, Preferences } from './preferences.js';
import { Ring } from './ring.js';
import { SettingsView } from './settings_view.js';
import { Speaker } from './speaker.js';
import { StartView } from './start_view.js';
import { bestLanguage, errorText, reasonText, speak, texts, titleText } from './texts.js';
import { TimelineView } from './timeline_view.js';
import { Views } from './views.js';

/** @typedef {import('./protocol.js').Party} Party */
/** @typedef {import('./own.js').Own} Own */

/**
 * @typedef {{
 *   phone: import('./phone.js').Phone,
 *   people: import('./people.js').People,
 *   lists: import('./lists.js').Lists,
 *   emergency: import('./emergency.js').EmergencyNumbers,
 *   serverCalls: import('./server_calls.js').ServerCalls,
 *   isAdmin: () => boolean,
 *   wake: import('./wake.js').Wake,
 *   spoken: () => void,
 *   viewsChanged: () => void,
 * }} ScreenDeps `spoken`: the language has changed
 */

// Nobody sees that something is drawn so much later.
const UNSEEN_MS = 50;

export class Screen {
  #notice = find('notice', HTMLElement);
  #preferences = new Preferences(localStorage);
  #ring = new Ring();
  #speaker = new Speaker(find('remote', HTMLAudioElement), (blocked) => this.#soundIs(blocked));
  // Where the worker shows calls, it shows them with buttons, and for hidden pages too.
  #notices = new Notices(
    () => this.#preferences.get('notices') === 'on' && this.#deps.wake.state !== 'on',
  );
  #deps;
  #views;
  #dial;
  #call;
  #incoming;
  #people;
  #log;
  #timelines;
  #settings;
  #start;
  /** What this person has here; null until the server has said who it is. @type {Own | null} */
  #own = null;
  #inCall = false;
  /** The timer of the next drawing. */
  #drawing = 0;
  /** The call came while the first steps were in sight. */
  #interrupted = false;

  /** @param {ScreenDeps} deps */
  constructor(deps) {
    this.#deps = deps;
    paint(this.#preferences.get('theme'));
    speak(this.#language());
    void this.#useSpeaker();
    const { phone, people, lists } = deps;
    const { call, microphone } = this;
    this.#dial = new DialView(phone, {
      failed: this.complain,
      say: this.say,
      key: (key) => this.#ring.key(key),
      emergency: (typed) => deps.emergency.find(typed),
    });
    const toggleKeypad = () => this.#toggleKeypad();
    this.#call = new CallView(phone, {
      toggleKeypad,
      redial: call,
      who: this.#who,
      failed: this.complain,
    });
    this.#incoming = new IncomingView(phone, this.#who);
    this.#people = new PeopleView(people, { call, changed: () => this.render() });
    this.#log = new LogView(lists.blocked, { call });
    this.#timelines = new TimelineView(deps.serverCalls, deps.isAdmin);
    this.#settings = new SettingsView(this.#preferences, lists, {
      chosen: (name) => this.#chosen(name),
      microphone,
      testSpeaker: (bar) => this.#speaker.test(bar),
      start: () => this.#welcome(),
      addPhone: () => this.#addPhone(),
      who: this.#who,
    });
    const addPhone = (/** @type {string} */ name) => lists.phones.add({ name });
    const finish = () => this.#welcomed();
    this.#start = new StartView(people, { call, microphone, addPhone, finish });
    this.#views = new Views(() => this.#viewsChanged());
  }

  /** Whether somebody looks at the list of people. */
  get showsPeople() {
    return this.#views.shows('people') || this.#views.shows('start');
  }

  /** Open the microphone that was chosen. Rejects with NoMicrophone. */
  microphone = () => openMicrophone(localStorage, this.#preferences.get('microphone'));

  /** @param {string} text that stays until something else is tried */
  say = (text) => {
    say(this.#notice, text);
    this.#notice.hidden = text === '';
  };

  /** @param {unknown} error that ends no call */
  complain = (error) => this.say(errorText(error));

  /** @param {string} address */
  call = (address) => {
    if (this.#deps.phone.active) return;
    this.#dial.dial(address);
    if (!this.#notice.hidden && !this.#views.shows('phone')) this.#views.choose('phone');
  };

  // --- who is here

  open() {
    this.#views.turn(true);
    this.render();
    this.#dial.focus();
  }

  close() {
    this.own = null;
    this.#dial.clear();
    this.#timelines.forget();
    this.say('');
    this.#views.turn(false);
  }

  get own() {
    return this.#own;
  }

  /** Newcomers are led to their first call. */
  set own(own) {
    this.#own = this.#people.own = this.#log.own = this.#start.own = own;
    this.#settings.own = own;
    this.#start.reset();
    if (own && !own.welcomed && this.#deps.phone.calls().length === 0) this.#welcome();
    this.render();
  }

  /** @param {import('./call.js').Call} call that has ended */
  over(call) {
    this.#own?.log.add(call, Date.now());
    if (call.talkingSince !== null) this.#start.succeed();
  }

  /** A call that a person came for is over. @param {{ reason: string | null, by: string }} how */
  late({ reason, by }) {
    const how = { reason, by, side: 'callee', talkingSince: null };
    this.say(reason === null ? texts.callEnded : reasonText(how));
  }

  /** @param {import('./views.js').View} view */
  show(view) {
    this.#views.choose(view);
  }

  // --- what the browser says

  touched() {
    this.#ring.wake();
    this.#speaker.touched();
    this.#deps.phone.prepare();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { phone } = this.#deps;
    const talking = phone.active?.state === 'talking';
    if (event.key === 'Escape' && this.#incoming.shown && !phone.active) {
      this.#incoming.decline();
    } else if (takesKeys(event.target)) {
      return;
    } else if (talking && event.key.toLowerCase() === 'm') {
      this.#call.toggleMute();
    } else if (talking && event.key.toLowerCase() === 'h') {
      this.#call.toggleHold();
    } else if (talking && /^[0-9*#]$/.test(event.key)) {
      this.#dial.keypadOpen = true;
      this.#dial.press(event.key);
      this.render();
    }
  }

  // --- what is seen and heard

  /**
   * What is to be heard is heard at once, and the page is drawn a moment later, once for all that
   * changes meanwhile: drawing keeps a browser busy for longer than a call takes to go out. Hidden
   * pages have slow timers, and next to nothing to draw.
   */
  callChanged() {
    this.#speaker.play(this.#deps.phone.active?.audible ?? null);
    if (document.visibilityState === 'hidden') this.render();
    else this.#drawing ||= window.setTimeout(() => this.render(), UNSEEN_MS);
  }

  render() {
    window.clearTimeout(this.#drawing);
    this.#drawing = 0;
    const { phone } = this.#deps;
    this.#dial.render();
    this.#call.render(this.#dial.keypadOpen);
    this.#incoming.render();
    this.#ring.play(phone.tone);
    const ringing = phone.incoming.map(({ id, peer }) => {
      return { id, title: shown(this.#who(peer)).title };
    });
    document.title = ringing[0] ? titleText(ringing[0].title) : texts.title;
    this.#notices.show(ringing);
    this.#deps.wake.rings(ringing.map(({ id }) => id));
    this.#speaker.play(phone.active?.audible ?? null);
    this.renderLists();
    this.#followCall(phone.active !== null);
  }

  renderPeople() {
    if (this.#views.shows('people')) this.#people.render();
    if (this.#views.shows('start')) this.#start.render();
  }

  renderLists() {
    this.renderPeople();
    if (this.#views.shows('calls')) {
      this.#log.render();
      this.#timelines.render();
    }
    if (this.#views.shows('settings')) this.#settings.render();
  }

  /** A call comes into sight, and the first steps come back after it. @param {boolean} inCall */
  #followCall(inCall) {
    if (inCall === this.#inCall) return;
    this.#inCall = inCall;
    if (inCall) {
      // The microphone is the call's now.
      this.#settings.show(false);
      this.#start.show(false);
      this.#interrupted = this.#views.current === 'start';
      if (!this.#views.shows('phone')) this.#views.choose('phone');
    } else if (this.#interrupted) {
      this.#views.choose('start');
    }
  }

  #toggleKeypad() {
    this.#dial.keypadOpen = !this.#dial.keypadOpen;
    this.render();
  }

  #viewsChanged() {
    this.#settings.show(this.#views.shows('settings'));
    this.#start.show(this.#views.shows('start'));
    this.#log.show(this.#views.shows('calls'));
    this.#timelines.show(this.#views.shows('calls'));
    this.renderLists();
    this.#deps.viewsChanged();
  }

  /** @param {boolean} blocked the browser lets nothing be heard yet */
  #soundIs(blocked) {
    if (blocked) this.say(texts.soundBlocked);
    else if (this.#notice.textContent === texts.soundBlocked) this.say('');
  }

  /** Somebody as this person knows them: a contact, or one of the domain. @param {Party} party */
  #who = (party) => {
    const contacts = this.#own?.contacts;
    if (!contacts) return party;
    const { list } = this.#deps.people;
    const person = list.find(({ address }) => contacts.same(address, party.address));
    const named = party.name || !person ? party : { ...party, name: person.display_name };
    return contacts.known([named])[0] ?? named;
  };

  #welcome() {
    this.#start.reset();
    this.#views.choose('start');
  }

  #addPhone() {
    this.#welcome();
    this.#start.addPhone();
  }

  #welcomed() {
    this.#own?.welcome();
    this.#start.reset();
    this.#views.choose('phone');
  }

  // --- what a person chooses

  #language() {
    return this.#preferences.get('language') || bestLanguage(navigator.languages);
  }

  /** @param {import('./preferences.js').Choice} name */
  #chosen(name) {
    switch (name) {
      case 'theme':
        return paint(this.#preferences.get('theme'));
      case 'speaker':
        return void this.#useSpeaker();
      case 'microphone':
        return void this.#deps.phone.active?.changeMicrophone().catch(this.complain);
      case 'language':
        speak(this.#language());
        this.#settings.speak();
        this.render();
        return this.#deps.spoken();
    }
  }

  async #useSpeaker() {
    const device = this.#preferences.get('speaker');
    await Promise.all([this.#speaker.use(device), this.#ring.use(device)]);
  }
}
