/** Rows of people, calls and phones: a picture, who, and something about it. */

import { shown } from './address.js';
import { make, symbol } from './dom.js';
import { texts } from './texts.js';

/** @typedef {{ name: string, address: string }} Party */

/**
 * A button that calls somebody.
 * @param {Party} party @param {Node} about @param {(address: string) => void} call
 * @param {Node} [aside]
 */
export function callRow(party, about, call, aside) {
  const { title, initials } = shown(party);
  const parts = [picture(face(initials)), words(title, about), aside ?? symbol('phone')];
  const button = make('button', { class: 'row' }, ...parts);
  button.type = 'button';
  button.title = texts.callWhom(title);
  button.addEventListener('click', () => call(party.address));
  return button;
}

/** A row that is only to be read. @param {Node} drawn @param {string} title @param {Node} about */
export function row(drawn, title, about) {
  return make('div', { class: 'row' }, picture(drawn), words(title, about));
}

/** @param {string} initials */
export function face(initials) {
  return document.createTextNode(initials || '#');
}

/** @param {Node} drawn */
function picture(drawn) {
  const around = make('span', { class: 'face' }, drawn);
  around.setAttribute('aria-hidden', 'true');
  return around;
}

/** @param {string} title @param {Node} about */
function words(title, about) {
  return make('span', { class: 'words' }, make('b', { text: title }), about);
}

/**
 * Whether somebody is reachable: a dot, and the words for it.
 * @param {boolean} reachable @param {string} [words]
 */
export function reachability(reachable, words) {
  const text = words ?? (reachable ? texts.reachable : texts.unreachable);
  const about = make('span', { class: 'about reach', text });
  about.dataset.reachable = String(reachable);
  return about;
}
