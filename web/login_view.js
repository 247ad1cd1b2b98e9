/** The log-in form. */

import { HttpError } from './errors.js';
import { find } from './dom.js';
import { loginErrorText, texts } from './texts.js';

export class LoginView {
  #form = find('login', HTMLFormElement);
  #username = find('username', HTMLInputElement);
  #password = find('password', HTMLInputElement);
  #error = find('login-error', HTMLElement);
  #submit = find('login-submit', HTMLButtonElement);
  #countdown = 0;
  /** When the server takes another try, by performance.now(). */
  #closedUntil = 0;
  #pending = false;
  #login;

  /** @param {(username: string, password: string) => Promise<void>} login */
  constructor(login) {
    this.#login = login;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (!this.#submit.disabled) void this.#try();
    });
  }

  /** @param {string} [why] what to say, when somebody was logged out */
  show(why = '') {
    if (!this.#form.hidden && !why) return;
    this.#form.hidden = false;
    this.#say(why);
    (this.#username.value ? this.#password : this.#username).focus();
  }

  hide() {
    this.#form.hidden = true;
    this.#password.value = '';
    this.#say('');
  }

  async #try() {
    const username = this.#username.value.trim();
    const password = this.#password.value;
    if (!username || !password) return this.#say(texts.loginEmpty);
    this.#say('');
    this.#setPending(true);
    try {
      await this.#login(username, password);
    } catch (error) {
      this.#refused(error);
    } finally {
      this.#setPending(false);
    }
  }

  /** @param {unknown} error */
  #refused(error) {
    const seconds = error instanceof HttpError ? error.retryAfterSeconds : null;
    if (error instanceof HttpError && seconds !== null) {
      this.#countDown(seconds, error.status === 429 ? texts.slowDown : texts.busyServer);
      return;
    }
    this.#say(loginErrorText(error));
    this.#password.select();
  }

  /** @param {number} seconds @param {(seconds: number) => string} words */
  #countDown(seconds, words) {
    window.clearInterval(this.#countdown);
    this.#closedUntil = performance.now() + seconds * 1000;
    const tick = () => {
      const left = Math.ceil((this.#closedUntil - performance.now()) / 1000);
      if (left <= 0) window.clearInterval(this.#countdown);
      this.#say(left > 0 ? words(left) : '');
      this.#update();
    };
    this.#countdown = window.setInterval(tick, 250);
    tick();
  }

  /** @param {string} text */
  #say(text) {
    this.#error.textContent = text;
    this.#error.hidden = text === '';
  }

  /** @param {boolean} pending */
  #setPending(pending) {
    this.#pending = pending;
    this.#form.setAttribute('aria-busy', String(pending));
    this.#update();
  }

  #update() {
    this.#submit.disabled = this.#pending || performance.now() < this.#closedUntil;
  }
}
