/** A person's own address book: it stays in this browser, and names who calls. */

import { readList, writeList } from './kept.js';

/** @typedef {{ name: string, address: string }} Contact */
/** @typedef {import('./protocol.js').Party} Party */

export const MOST_CONTACTS = 500;
const LONGEST = 256;

/** @param {any} entry @returns {entry is Contact} */
function isContact(entry) {
  return typeof entry?.name === 'string' && typeof entry?.address === 'string';
}

/**
 * The same for every way to write one address: without scheme, parameters and separators, and
 * without our own domain.
 * @param {string} address @param {string} domain
 */
export function canonical(address, domain) {
  const plain = address.trim().toLowerCase().replace(/^(sips?|tel):/, '').replace(/[;?].*$/, '');
  const [user = '', host = ''] = plain.split('@');
  const number = user.replace(/[\s().\/-]/g, '');
  const name = /^\+?[0-9*#]+$/.test(number) ? number : user;
  return host === '' || host === domain ? name : `${name}@${host}`;
}

export class Contacts {
  #storage;
  #key;
  #domain;

  /** @param {Storage} storage @param {import('./protocol.js').Account} account */
  constructor(storage, account) {
    this.#storage = storage;
    this.#key = `wsphone.contacts.${account.id}`;
    this.#domain = account.address.split('@')[1]?.toLowerCase() ?? '';
  }

  /** By name. @returns {Contact[]} */
  all() {
    const found = readList(this.#storage, this.#key, isContact);
    return found.sort((one, other) => one.name.localeCompare(other.name));
  }

  get full() {
    return this.all().length >= MOST_CONTACTS;
  }

  /**
   * Add one, or give a known address another name.
   * @param {Contact} contact
   */
  put({ name, address }) {
    const added = { name: name.slice(0, LONGEST), address: address.slice(0, LONGEST) };
    writeList(this.#storage, this.#key, [...this.#others(address), added]);
  }

  /** @param {string} address */
  remove(address) {
    writeList(this.#storage, this.#key, this.#others(address));
  }

  /** Whether two addresses lead to the same. @param {string} one @param {string} other */
  same(one, other) {
    return canonical(one, this.#domain) === canonical(other, this.#domain);
  }

  /**
   * Everybody as this person knows them.
   * @template {Party} P @param {P[]} parties @returns {P[]}
   */
  known(parties) {
    const contacts = this.all().map(({ name, address }) => /** @type {const} */ ([
      canonical(address, this.#domain),
      name,
    ]));
    const names = new Map(contacts);
    return parties.map((party) => {
      const name = names.get(canonical(party.address, this.#domain));
      return name === undefined ? party : { ...party, name };
    });
  }

  /** @param {string} address */
  #others(address) {
    return this.all().filter((contact) => !this.same(contact.address, address));
  }
}
