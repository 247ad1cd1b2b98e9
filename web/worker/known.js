/** What the worker knows of whoever is logged in here, and in which language it speaks to them. */

import { Account } from '../account.js';
import { Vault } from '../vault.js';
import { de } from '../words/de.js';
import { en } from '../words/en.js';

/** @type {Record<string, typeof en>} */
const LANGUAGES = { en, de };

export const vault = new Vault();

/** The login that this worker shares with the pages. */
export const account = new Account(vault, navigator.locks, null);

/** @returns {Promise<typeof en>} */
export async function words() {
  return LANGUAGES[(await vault.get('language')) ?? 'en'] ?? en;
}

export async function isLoggedIn() {
  return (await vault.get('refresh')) !== null;
}
