/** The page: puts the parts together, and carries what one of them says to the others. */

import { Account, LOGGED_IN } from './account.js';
import { describeDevice } from './device.js';
import { find, mark, say } from './dom.js';
import { EmergencyNumbers } from './emergency.js';
import { readErrand, takeErrand } from './errand.js';
import { Lists } from './lists.js';
import { LoginView } from './login_view.js';
import { Own } from './own.js';
import { People } from './people.js';
import { Phone } from './phone.js';
import { Screen } from './screen.js';
import { ServerCalls } from './server_calls.js';
import { Session } from './session.js';
import { Tab } from './tab.js';
import { bestLanguage, speak, texts } from './texts.js';
import { Vault } from './vault.js';
import { Wake } from './wake.js';
import { WakeSettings } from './wake_settings.js';
import { registerWorker } from './worker_door.js';

class App {
  #connection = find('connection', HTMLElement);
  #return = find('return', HTMLButtonElement);
  #logout = find('logout', HTMLButtonElement);
  #who = find('who', HTMLElement);
  #device = () => describeDevice(localStorage, mintId);
  #tab = new Tab(sessionStorage);
  #vault = new Vault();
  #account = new Account(this.#vault, navigator.locks, localStorage);
  #emergency = new EmergencyNumbers(localStorage);
  #loggedIn = false;
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
      wokenBy: () => this.phone.expected,
      random: Math.random,
      changed: () => this.#renderConnection(),
      opened: (opened) => this.#opened(opened),
      event: (method, params) => this.phone.event(method, params),
      stopped: (why) => this.#stopped(why),
    });
    /** @type {Phone} */
    this.phone = new Phone({
      request: this.session.request,
      microphone: () => this.screen.microphone(),
      store: this.#tab,
      mintId,
      changed: () => this.screen.callChanged(),
      trouble: (error) => this.screen.complain(error),
      over: (call) => this.screen.over(call),
      late: (how) => this.screen.late(how),
    });
    this.wake = new Wake({
      request: this.session.request,
      vault: this.#vault,
      worker: registerWorker(),
      changed: () => this.wakeSettings.render(),
    });
    this.wakeSettings = new WakeSettings(this.wake);
    this.people = new People(this.session.request, () => this.screen.renderPeople());
    this.lists = new Lists(this.#account.ask, () => this.screen.renderLists());
    /** @type {Screen} */
    this.screen = new Screen({
      phone: this.phone,
      people: this.people,
      lists: this.lists,
      emergency: this.#emergency,
      serverCalls: new ServerCalls(this.#account.ask, this.#account.file),
      isAdmin: () => this.#account.isAdmin,
      wake: this.wake,
      spoken: () => this.#spoken(),
      viewsChanged: () => this.#lookAtPeople(),
    });
    this.loginView = new LoginView((username, password) => this.#login(username, password));
  }

  async start() {
    this.#listen();
    await this.#tab.claim(navigator.locks);
    const errand = takeErrand();
    if (this.#account.known) this.#begin();
    else this.#end('');
    this.#do(errand);
  }

  // --- logging in and out

  /** @param {string} username @param {string} password */
  async #login(username, password) {
    await this.#account.login(username, password, this.#device());
    this.#begin();
  }

  #begin() {
    this.#moved = false;
    this.#loggedIn = true;
    this.loginView.hide();
    this.#logout.hidden = false;
    this.session.start();
    this.#renderConnection();
    this.screen.open();
  }

  /** Nobody is logged in here any more. @param {string} why */
  #end(why) {
    this.#loggedIn = false;
    this.phone.reset();
    this.people.forget();
    this.lists.forget();
    this.wake.forget();
    this.#tab.forget();
    this.screen.close();
    say(this.#who, texts.title);
    this.#who.title = '';
    this.#logout.hidden = true;
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
    const { account } = opened;
    this.#emergency.keep(opened.server.emergency_numbers);
    void this.#tab.keep(navigator.locks);
    say(this.#who, account.display_name || account.name);
    this.#who.title = account.address;
    this.phone.opened(opened, this.#reloaded);
    this.#reloaded = false;
    if (this.screen.own?.account !== account.id) this.screen.own = new Own(localStorage, account);
    void this.people.look();
    void this.#vault.put('device', this.#device());
    this.#spoken();
    this.wake.opened(opened.server.push?.webpush_key ?? null, opened.resumed);
    void this.#collectMissed();
  }

  /** Calls that only the worker heard of belong into the list as well. */
  async #collectMissed() {
    const { own } = this.screen;
    const missed = own && (await this.#vault.change('missed', () => []));
    if (!own || !missed?.length) return;
    own.log.addMissed(missed);
    this.screen.render();
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
    window.addEventListener('online', () => this.#networkChanged());
    // Wi-Fi to mobile network: nothing is offline in between. Not every browser tells.
    /** @type {{ connection?: EventTarget }} */ (navigator).connection?.addEventListener(
      'change',
      () => this.#networkChanged(),
    );
    window.addEventListener('offline', () => {
      this.session.nudge();
      this.#renderConnection();
    });
    document.addEventListener('visibilitychange', () => this.#visible());
    navigator.serviceWorker?.addEventListener('message', (event) => this.#fromWorker(event));
    window.addEventListener('storage', (event) => this.#otherTab(event));
    document.addEventListener('keydown', (event) => this.screen.key(event));
    for (const touch of ['pointerdown', 'keydown']) {
      document.addEventListener(touch, () => this.screen.touched());
    }
  }

  #networkChanged() {
    this.session.nudge();
    this.phone.nudge();
  }

  #visible() {
    const { app_state } = this.#device();
    this.session.mention('session.state', { app_state });
    if (app_state === 'foreground') this.session.nudge();
    this.#lookAtPeople();
    this.wake.look();
    void this.#collectMissed();
    this.screen.render();
  }

  /** @param {MessageEvent} event */
  #fromWorker({ data, ports }) {
    if (data?.kind === 'shows') ports[0]?.postMessage(this.phone.shows(String(data.call)));
    if (data?.kind !== 'errand') return;
    ports[0]?.postMessage(true);
    this.#do(readErrand(data.errand));
  }

  /** What a notification was clicked for. @param {import('./errand.js').Errand} errand */
  #do({ answer, call, view }) {
    const expected = answer ?? call;
    if (expected) this.phone.expect(expected, answer !== undefined);
    if (view) this.screen.show(view);
    if (this.#moved) this.#begin();
    else this.session.nudge();
  }

  /** The tabs of a browser are logged in and out together. @param {StorageEvent} event */
  #otherTab(event) {
    // What is kept here, such as the list of calls, may have changed there.
    if (event.key !== LOGGED_IN) return this.screen.render();
    if (event.newValue === null && this.#loggedIn) {
      this.session.close();
      this.#end(texts.sessionEnded);
    } else if (event.newValue !== null && !this.#loggedIn) {
      this.#begin();
    }
  }

  // --- what follows from it

  /** The worker speaks as the page does. */
  #spoken() {
    if (this.#loggedIn) void this.#vault.put('language', document.documentElement.lang);
    this.wakeSettings.render();
    this.#renderConnection();
  }

  #lookAtPeople() {
    const visible = document.visibilityState === 'visible';
    const online = this.session.state === 'online';
    this.people.watch(this.screen.showsPeople && visible && online);
  }

  #renderConnection() {
    const { state } = this.session;
    const shownState = state === 'closed' ? 'offline' : state;
    mark(this.#connection, 'state', shownState);
    const offline = navigator.onLine ? texts.offline : texts.offlineNetwork;
    const words = { online: texts.online, connecting: texts.connecting, offline };
    say(this.#connection, this.#moved ? texts.moved : words[shownState]);
    this.#connection.hidden = !this.#loggedIn;
    this.#return.hidden = !this.#moved;
    this.#lookAtPeople();
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
  speak(bestLanguage(navigator.languages));
  const place = find('connection', HTMLElement);
  place.hidden = false;
  mark(place, 'state', 'offline');
  say(place, texts.insecure);
}
