// The address of a view: `#/camera/cam1?t=..&tenant=..`. The part behind # never reaches the server, so
// the page works below any path, and a link to a frame can be passed on.

import { family } from "./api.js";

/**
 * @typedef {object} Route
 * @property {string} view
 * @property {string} name of what is shown, if any
 * @property {URLSearchParams} query
 */

/** @returns {Route} */
export function current() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [view = "", ...rest] = path.split("/");
  return { view: view || "wall", name: decode(rest.join("/")), query: new URLSearchParams(query) };
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch (_) {
    return text;
  }
}

/**
 * The address of a view, for the family that is shown.
 * @param {string} path
 * @param {Record<string, string>} [query]
 */
export function href(path, query = {}) {
  const all = new URLSearchParams({ ...query, ...family });
  const text = all.toString();
  return `#/${path}${text ? `?${text}` : ""}`;
}

/** Changes the address of what is shown without showing it anew. @param {string} path @param {Record<string, string>} [query] */
export function rename(path, query) {
  const next = href(path, query);
  if (location.hash !== next) history.replaceState(null, "", next);
}
