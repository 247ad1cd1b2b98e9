/** The page: puts the parts together, and turns what they say into what is seen and heard. */

import { Account, REFRESH } from './account.js';
import { shown } from './address.js';
import { CallView } from './call_view.js';
import { describeDevice } from './device.js';
import { DialView } from './dial_view.js';
import { find, mark, say, takesText } from './dom.js';
import { IncomingView } from './incoming_view.js';
import { LoginView } from './login_view.js';
import { openMicrophone } from './microphone.js';
import { Phone } from './phone.js';
import { Ring } from './ring.js';
import { Session } from './session.js';
import { Tab } from './tab.js';
import { errorText, texts, titleText } from './texts.js';

class App {
  #connection = find('connection', HTMLElement);
  #return = find('return', HTMLButtonElement);
  #logout = find('logout', HTMLButtonElement);
  #card = find('phone', HTMLElement);
  #who = find('who', HTMLElement);
  #notice = find('notice', HTMLElement);
  #remote = find('remote', HTMLAudioElement);
  #device = () => describeDevice(localStorage, mintId);
  #tab = new Tab(sessionStorage);
  #account = new Account(localStorage, navigator.locks, this.#device);
  #ring = new Ring();
  /** No session was opened yet: what calls there are were begun before a reload. */
  #reloaded = true;
  /** Another tab took the session over. */
  #moved = false;

  constructor() {
    this.session = new Session({
      url: `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}/ws`,
      device: this.#device,
      token: () => this.#account.token(),
      tokenRefused: () => this.#account.refused(),
      store: this.#tab,
      random: Math.random,
      changed: () => this.#renderConnection(),
      opened: (opened) => this.#opened(opened),
      event: (method, params) => this.phone.event(method, params),
      stopped: (why) => this.#stopped(why),
    });
    this.phone = new Phone({
      request: this.session.request,
      microphone: () => openMicrophone(localStorage),
      store: this.#tab,
      mintId,
      changed: () => this.#render(),
      trouble: (error) => this.#say(errorText(error)),
    });
    this.dialView = new DialView(this.phone, {
      failed: (error) => this.#say(errorText(error)),
      say: (text) => this.#say(text),
      key: (key) => this.#ring.key(key),
    });
    this.callView = new CallView(this.phone, {
      toggleKeypad: () => this.#toggleKeypad(),
      redial: (address) => this.dialView.dial(address),
    });
    this.incomingView = new IncomingView(this.phone);
    this.loginView = new LoginView((username, password) => this.#login(username, password));
  }

  async start() {
    this.#listen();
    await this.#tab.claim(navigator.locks);
    if (this.#account.known) this.#begin();
    else this.#end('');
  }

  // --- logging in and out

  /** @param {string} username @param {string} password */
  async #login(username, password) {
    await this.#account.login(username, password);
    this.#begin();
  }

  #begin() {
    this.#moved = false;
    this.loginView.hide();
    this.#card.hidden = this.#logout.hidden = false;
    this.session.start();
    this.#renderConnection();
    this.#render();
    this.dialView.focus();
  }

  /** Nobody is logged in here any more. @param {string} why */
  #end(why) {
    this.phone.reset();
    this.#tab.forget();
    this.dialView.clear();
    this.#say('');
    say(this.#who, texts.title);
    this.#who.title = '';
    this.#card.hidden = this.#logout.hidden = true;
    this.#renderConnection();
    this.loginView.show(why);
  }

  #leave() {
    this.phone.hangUpAll();
    this.session.close();
    void this.#account.logout();
    this.#end('');
  }

  // --- what the session says

  /** @param {import('./protocol.js').Opened} opened */
  #opened(opened) {
    void this.#tab.keep(navigator.locks);
    say(this.#who, opened.account.display_name || opened.account.name);
    this.#who.title = opened.account.address;
    this.phone.opened(opened, this.#reloaded);
    this.#reloaded = false;
  }

  /** @param {'login' | 'forbidden' | 'moved'} why */
  #stopped(why) {
    if (why === 'moved') {
      this.#moved = true;
      this.phone.reset();
      this.#renderConnection();
      return;
    }
    this.#account.forget();
    this.#end(why === 'forbidden' ? texts.forbidden : texts.sessionEnded);
  }

  // --- what the browser says

  #listen() {
    this.#logout.addEventListener('click', () => this.#leave());
    this.#return.addEventListener('click', () => this.#begin());
    window.addEventListener('online', () => this.session.nudge());
    window.addEventListener('offline', () => {
      this.session.nudge();
      this.#renderConnection();
    });
    document.addEventListener('visibilitychange', () => this.#visible());
    window.addEventListener('storage', (event) => this.#otherTab(event));
    document.addEventListener('keydown', (event) => this.#key(event));
    for (const touch of ['pointerdown', 'keydown']) {
      document.addEventListener(touch, () => this.#touched());
    }
  }

  #visible() {
    const { app_state } = this.#device();
    this.session.mention('session.state', { app_state });
    if (app_state === 'foreground') this.session.nudge();
  }

  /** The tabs of a browser are logged in and out together. @param {StorageEvent} event */
  #otherTab(event) {
    if (event.key !== REFRESH) return;
    if (event.newValue === null && !this.#card.hidden) {
      this.session.close();
      this.#end(texts.sessionEnded);
    } else if (event.newValue !== null && this.#card.hidden) {
      this.#begin();
    }
  }

  /** Browsers let a page sound once it was touched. */
  #touched() {
    this.#ring.wake();
    if (this.#remote.srcObject && this.#remote.paused) this.#listenTo(this.#remote.srcObject);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const talking = this.phone.active?.state === 'talking';
    if (event.key === 'Escape' && this.incomingView.shown && !this.phone.active) {
      this.incomingView.decline();
    } else if (takesText(event.target)) {
      return;
    } else if (talking && event.key.toLowerCase() === 'm') {
      this.callView.toggleMute();
    } else if (talking && /^[0-9*#]$/.test(event.key)) {
      this.dialView.keypadOpen = true;
      this.dialView.press(event.key);
      this.#render();
    }
  }

  #toggleKeypad() {
    this.dialView.keypadOpen = !this.dialView.keypadOpen;
    this.#render();
  }

  // --- what is seen and heard

  /** @param {string} text that stays until something else is tried */
  #say(text) {
    say(this.#notice, text);
    this.#notice.hidden = text === '';
  }

  #render() {
    this.dialView.render();
    this.callView.render(this.dialView.keypadOpen);
    this.incomingView.render();
    this.#ring.play(this.phone.tone);
    const [ringing] = this.phone.incoming;
    document.title = ringing ? titleText(shown(ringing.peer).title) : texts.title;
    this.#listenTo(this.phone.active?.remoteStream ?? null);
  }

  /** @param {MediaProvider | null} stream */
  #listenTo(stream) {
    if (this.#remote.srcObject !== stream) this.#remote.srcObject = stream;
    else if (!this.#remote.paused) return;
    if (!stream) return;
    this.#remote.play().then(
      () => {
        if (this.#notice.textContent === texts.soundBlocked) this.#say('');
      },
      (error) => {
        if (error.name === 'NotAllowedError') this.#say(texts.soundBlocked);
      },
    );
  }

  #renderConnection() {
    const { state } = this.session;
    const shownState = state === 'closed' ? 'offline' : state;
    mark(this.#connection, 'state', shownState);
    const offline = navigator.onLine ? texts.offline : texts.offlineNetwork;
    const words = { online: texts.online, connecting: texts.connecting, offline };
    say(this.#connection, this.#moved ? texts.moved : words[shownState]);
    this.#connection.hidden = this.#card.hidden;
    this.#return.hidden = !this.#moved;
  }
}

function mintId() {
  return crypto.randomUUID();
}

if (window.isSecureContext) {
  const app = new App();
  Object.assign(window, { wsphone: app.phone });
  void app.start();
} else {
  // Without it a browser gives no microphone, and no random ids either.
  const place = find('connection', HTMLElement);
  place.hidden = false;
  mark(place, 'state', 'offline');
  say(place, texts.insecure);
}
