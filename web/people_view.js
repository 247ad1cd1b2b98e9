/** The people of the domain, and a person's own contacts. */

import { dialable } from './address.js';
import { fill, find, make, say, symbol } from './dom.js';
import { callRow, reachability } from './rows.js';
import { texts } from './texts.js';

/** @typedef {import('./contacts.js').Contacts} Contacts */
/** @typedef {import('./people.js').People} People */

export class PeopleView {
  #words = find('people-words', HTMLElement);
  #list = find('people-list', HTMLElement);
  #contacts = find('contacts-list', HTMLElement);
  #add = find('contact-add', HTMLButtonElement);
  #form = find('contact', HTMLFormElement);
  #name = find('contact-name', HTMLInputElement);
  #address = find('contact-address', HTMLInputElement);
  #error = find('contact-error', HTMLElement);
  #people;
  #actions;
  /** Whose contacts these are. @type {import('./own.js').Own | null} */
  own = null;

  /**
   * @param {People} people
   * @param {{ call: (address: string) => void, changed: () => void }} actions
   */
  constructor(people, actions) {
    this.#people = people;
    this.#actions = actions;
    this.#add.addEventListener('click', () => this.#open(true));
    find('contact-cancel', HTMLButtonElement).addEventListener('click', () => this.#open(false));
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#save();
    });
  }

  render() {
    const { list, more, stale } = this.#people;
    const { own } = this;
    const nobodyElse = list.length === 1 && !more;
    const words = nobodyElse ? texts.nobodyElse : more ? texts.morePeople : '';
    say(this.#words, stale ? texts.peopleStale : words);
    this.#words.hidden = !this.#words.textContent;
    const entries = own ? peopleEntries(list, own.contacts, own.address) : [];
    fill(this.#list, entries, (entry) => [
      callRow(
        entry,
        reachability(entry.reachable, entry.self ? texts.you : undefined),
        this.#actions.call,
      ),
    ]);
    this.#renderContacts();
  }

  #renderContacts() {
    const contacts = this.own?.contacts.all() ?? [];
    const entries = contacts.map((contact) => ({ key: contact.address, ...contact }));
    fill(this.#contacts, entries, (contact) => [
      callRow(contact, make('span', { class: 'about', text: contact.address }), this.#actions.call),
      this.#remover(contact),
    ]);
  }

  /** @param {{ name: string, address: string }} contact */
  #remover({ name, address }) {
    const button = make('button', { class: 'bare', label: texts.remove(name) }, symbol('close'));
    button.type = 'button';
    button.addEventListener('click', () => {
      this.own?.contacts.remove(address);
      this.#actions.changed();
      this.#add.focus();
    });
    return button;
  }

  /** @param {boolean} open */
  #open(open) {
    this.#form.hidden = !open;
    this.#add.hidden = open;
    this.#form.reset();
    this.#complain('');
    (open ? this.#name : this.#add).focus();
  }

  #save() {
    const name = this.#name.value.trim();
    const address = dialable(this.#address.value);
    const { contacts } = this.own ?? {};
    if (!contacts || !name || !address) return this.#complain(texts.contactBad);
    if (contacts.full) return this.#complain(texts.contactsFull);
    contacts.put({ name, address });
    this.#open(false);
    this.#actions.changed();
  }

  /** @param {string} text */
  #complain(text) {
    say(this.#error, text);
    this.#error.hidden = text === '';
  }
}

/**
 * Everybody as this person knows them, the reachable first, oneself last.
 * @param {import('./people.js').Person[]} list @param {Contacts} contacts
 * @param {string} ownAddress
 */
export function peopleEntries(list, contacts, ownAddress) {
  const people = list.map(({ name, address, display_name, reachable }) => ({
    key: address,
    address,
    reachable,
    self: address === ownAddress,
    name: display_name || name,
  }));
  const entries = contacts.known(people);
  const weight = (/** @type {typeof entries[number]} */ entry) =>
    (entry.self ? 2 : 0) + (entry.reachable ? 0 : 1);
  return entries.sort((one, other) => weight(one) - weight(other));
}
