/** Rows of people and calls: a picture, who, something about it, and a click that calls. */

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
  const avatar = make('span', { class: 'face', text: initials || '#' });
  avatar.setAttribute('aria-hidden', 'true');
  const words = make('span', { class: 'words' }, make('b', { text: title }), about);
  const row = make('button', { class: 'row' }, avatar, words, aside ?? symbol('phone'));
  row.type = 'button';
  row.title = texts.callWhom(title);
  row.addEventListener('click', () => call(party.address));
  return row;
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
