/** Lists that are kept in this browser, and nowhere else. */

/**
 * @template T
 * @param {Storage} storage @param {string} key
 * @param {(entry: any) => entry is T} fits what is read may be of an older page, or of nobody's
 * @returns {T[]}
 */
export function readList(storage, key, fits) {
  try {
    const entries = JSON.parse(storage.getItem(key) ?? '[]');
    return Array.isArray(entries) ? entries.filter(fits) : [];
  } catch {
    return [];
  }
}

/** @param {Storage} storage @param {string} key @param {unknown[]} entries */
export function writeList(storage, key, entries) {
  if (entries.length) storage.setItem(key, JSON.stringify(entries));
  else storage.removeItem(key);
}
