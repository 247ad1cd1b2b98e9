/** Being woken: whether this browser rings while the page is closed, as its person wishes. */

import { NoAnswer, RpcError } from './errors.js';
import { pushParams, subscribe } from './subscription.js';

/**
 * unknown: nobody is logged in, or no server was heard yet; unsupported: by this browser;
 * unavailable: at this server; denied: by the person, in the browser;
 * off; on; failed: wished for, and `failure` says what is missing.
 * @typedef {(
 *   'unknown' | 'unsupported' | 'unavailable' | 'denied' | 'off' | 'on' | 'failed'
 * )} WakeState
 * @typedef {'service' | 'server'} Failure
 */

/**
 * @typedef {{
 *   request: import('./protocol.js').Request,
 *   vault: import('./vault.js').Vault,
 *   worker: Promise<ServiceWorkerRegistration | null>,
 *   changed: () => void,
 * }} WakeDeps
 */

export class Wake {
  #deps;
  /** The server's; null where it wakes no browsers. @type {string | null | undefined} */
  #key;
  /** @type {import('./vault.js').Wish | null} */
  #wish = null;
  /** The calls that ring here. @type {string[]} */
  #ringing = [];
  /** Steps run one after the other: each leaves browser and server of one mind. */
  #work = Promise.resolve();

  /** @param {WakeDeps} deps */
  constructor(deps) {
    this.#deps = deps;
    /** @type {WakeState} */
    this.state = 'unknown';
    /** @type {Failure | null} */
    this.failure = null;
    this.busy = false;
  }

  get missed() {
    return this.#wish?.missed ?? false;
  }

  /**
   * A session was opened. In a new one the server hears again where this browser is pushed: it may
   * have given the subscription up, or the browser may have got another one.
   * @param {string | null} key the server's, null where it wakes no browsers
   * @param {boolean} resumed
   */
  opened(key, resumed) {
    this.#key = key;
    this.#do(async () => {
      this.#wish = await this.#deps.vault.get('wake');
      if (this.#wish && !resumed) await this.#tell();
    });
  }

  /** The person may have changed their mind in the browser's own settings. */
  look() {
    this.#work = this.#work.then(() => this.#judge());
  }

  /** From a person's own click, as browsers want it. @param {boolean} on */
  async turn(on) {
    const allowed = !on || (await Notification.requestPermission()) === 'granted';
    this.#do(async () => {
      if (allowed) await this.#change(on && this.#key ? { key: this.#key, missed: true } : null);
    });
  }

  /** Be told of missed calls, or of those alone that ring. @param {boolean} missed */
  tellMissed(missed) {
    const wish = this.#wish;
    if (wish) this.#do(() => this.#change({ ...wish, missed }));
  }

  /** Nobody is logged in here any more: nothing may arrive for them. */
  forget() {
    this.#key = undefined;
    this.#do(async () => {
      this.#wish = null;
      await this.#unsubscribe();
    });
  }

  /**
   * What the worker shows of calls that ring here no more goes away.
   * @param {string[]} calls that ring here now
   */
  rings(calls) {
    for (const call of this.#ringing) if (!calls.includes(call)) void this.#quiet(call);
    this.#ringing = calls;
  }

  /** @param {string} call */
  async #quiet(call) {
    const registration = await this.#deps.worker;
    const shown = (await registration?.getNotifications({ tag: call })) ?? [];
    for (const notification of shown) if (notification.data?.kind === 'call') notification.close();
  }

  /** @param {import('./vault.js').Wish | null} wish */
  async #change(wish) {
    this.#wish = wish;
    await this.#deps.vault.put('wake', wish);
    if (wish) return await this.#tell();
    await this.#unsubscribe();
    await this.#deps.request('device.set_push', pushParams(null, false));
  }

  async #tell() {
    const registration = await this.#deps.worker;
    if (!this.#wish || !this.#key || !registration?.pushManager) return;
    if (Notification.permission !== 'granted') return;
    const wish = { ...this.#wish, key: this.#key };
    await this.#deps.vault.put('wake', wish);
    const subscription = await subscribe(registration.pushManager, this.#key);
    await this.#deps.request('device.set_push', pushParams(subscription, wish.missed));
  }

  async #unsubscribe() {
    const registration = await this.#deps.worker;
    const subscription = await registration?.pushManager?.getSubscription();
    await subscription?.unsubscribe();
  }

  /** @param {() => Promise<void>} step */
  #do(step) {
    this.#work = this.#work.then(async () => {
      this.busy = true;
      this.#deps.changed();
      try {
        await step();
        this.failure = null;
      } catch (error) {
        const atServer = error instanceof RpcError || error instanceof NoAnswer;
        this.failure = atServer ? 'server' : 'service';
      }
      this.busy = false;
      await this.#judge();
    });
  }

  async #judge() {
    this.state = this.#stateWith(await this.#deps.worker);
    this.#deps.changed();
  }

  /** @param {ServiceWorkerRegistration | null} worker @returns {WakeState} */
  #stateWith(worker) {
    if (this.#key === undefined) return 'unknown';
    if (!worker?.pushManager || !('Notification' in window)) return 'unsupported';
    if (this.#key === null) return 'unavailable';
    if (Notification.permission === 'denied') return 'denied';
    if (!this.#wish || Notification.permission !== 'granted') return 'off';
    return this.failure ? 'failed' : 'on';
  }
}
