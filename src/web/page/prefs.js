// What a person chose on this device: colours, time zone, size of the wall. Kept by the browser where
// it allows that, else for as long as the page is open.

const PREFIX = "framecache.";
/** @type {Map<string, string>} */
const kept = new Map();

/** @param {string} name @param {string} otherwise @returns {string} */
export function pref(name, otherwise) {
  if (kept.has(name)) return kept.get(name) ?? otherwise;
  try {
    return localStorage.getItem(PREFIX + name) ?? otherwise;
  } catch (_) {
    return otherwise;
  }
}

/** @param {string} name @param {string} value */
export function setPref(name, value) {
  kept.set(name, value);
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch (_) {
    // Kept in memory only.
  }
}

/** Whether motion should be small. */
export function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
