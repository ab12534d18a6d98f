// The page: which view is shown, the bar above it, colours, time zone, who is signed in. Views are
// elements that know how to end; everything they share lies in state.js and feed.js.

import { address, family, json, setFamily } from "./api.js";
import { camera } from "./camera.js";
import { byId, el, say, setText } from "./dom.js";
import { feed } from "./feed.js";
import { health } from "./health.js";
import { pref, setPref } from "./prefs.js";
import { recordings } from "./recordings.js";
import { current, href } from "./route.js";
import { loadSession, session, signIn, signOut } from "./session.js";
import { state } from "./state.js";
import { tenants } from "./tenants.js";
import { isUtc, zoneName } from "./time.js";
import { wall } from "./wall.js";

/**
 * @typedef {object} View
 * @property {HTMLElement} element
 * @property {string} title
 * @property {() => void} close
 * @property {(route: import("./route.js").Route) => boolean} [follow] true: the view shows the route already
 */

/** @type {Record<string, (route: import("./route.js").Route) => View>} */
const VIEWS = { wall, camera, recordings, tenants, health };

/** @type {View | null} */
let shown = null;
let shownKey = "";

function show() {
  if (session.needed) return ask();
  const route = current();
  takeFamily(route.query);
  const make = VIEWS[route.view] ?? wall;
  const key = `${route.view}/${route.name}/${JSON.stringify(family)}`;
  if (shown && key === shownKey && shown.follow?.(route)) return;
  replace(() => make(route), key);
  for (const link of byId("nav").querySelectorAll("a")) {
    link.href = href(link.dataset.view ?? "");
    if (link.dataset.view === route.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** Ends what is shown before the next view begins, because both use the one socket. @param {() => View} make @param {string} key */
function replace(make, key) {
  const first = shown === null;
  shown?.close();
  const view = make();
  shown = view;
  shownKey = key;
  byId("main").replaceChildren(view.element);
  document.title = `${view.title} · framecache`;
  if (!first) byId("main").focus({ preventScroll: true });
}

/** The sign-in form instead of a view. */
function ask() {
  state.stop();
  feed.close();
  replace(() => signIn(begin), "sign-in");
}

/** @param {URLSearchParams} query */
function takeFamily(query) {
  const next = {};
  for (const name of ["tenant", "prefix"]) if (query.get(name)) next[name] = query.get(name);
  if (JSON.stringify(next) === JSON.stringify(family)) return;
  setFamily(next);
  feed.close();
  state.reset();
}

/** After the start and after each sign-in. */
async function begin() {
  await loadSession();
  byId("sign-out").hidden = session.access !== "token" || session.needed;
  if (!session.needed) {
    void state.refresh();
    void offerFamilies();
  }
  show();
}

/** A choice of tenants and prefixes, where there is more than one. */
async function offerFamilies() {
  const answer = await json(address("tenants", { tenant: "*", prefix: "*" })).catch(() => null);
  const families = (answer?.tenants ?? []).flatMap(({ tenant, prefixes }) => prefixes.map((prefix) => ({ tenant, prefix })));
  const select = byId("family");
  byId("family-label").hidden = families.length < 2;
  select.replaceChildren(...families.map(({ tenant, prefix }) =>
    el("option", { value: new URLSearchParams({ tenant, prefix }).toString(), text: `${tenant} / ${prefix}` })));
  const { tenant = state.status?.tenant, prefix = state.status?.prefix } = family;
  select.value = new URLSearchParams({ tenant, prefix }).toString();
}

function showLink() {
  const words = { off: "", connecting: "connecting …", open: "connected", waiting: "connection lost, trying again" };
  const signs = { off: "", connecting: "◌", open: "●", waiting: "▲" };
  const link = byId("link-state");
  link.dataset.state = feed.state;
  setText(link, signs[feed.state]);
  link.title = words[feed.state];
  link.append(el("span", { class: feed.state === "waiting" ? "" : "sr", text: ` ${words[feed.state]}` }));
}

function showAlerts() {
  const number = (state.status?.alerts ?? []).length + (state.status?.ready === false ? 1 : 0);
  const badge = byId("alert-count");
  if (badge.textContent !== String(number) && number > 0) say(number === 1 ? "1 alert" : `${number} alerts`);
  badge.hidden = number === 0;
  setText(badge, String(number));
  badge.title = number === 1 ? "1 alert" : `${number} alerts`;
}

function theme() {
  return document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");
}

function label() {
  setText(byId("zone"), isUtc() ? "UTC" : "Local");
  byId("zone").title = `Times are shown in ${zoneName()}; press for ${isUtc() ? "local time" : "UTC"}`;
  setText(byId("theme"), theme() === "dark" ? "☾" : "☀");
  byId("theme").title = theme() === "dark" ? "Dark; press for light" : "Light; press for dark";
}

byId("zone").addEventListener("click", () => {
  setPref("zone", isUtc() ? "local" : "utc");
  label();
  window.dispatchEvent(new Event("look"));
});
byId("theme").addEventListener("click", () => {
  const next = theme() === "dark" ? "light" : "dark";
  setPref("theme", next);
  document.documentElement.dataset.theme = next;
  label();
  window.dispatchEvent(new Event("look"));
});
byId("sign-out").addEventListener("click", async () => {
  await signOut();
  await begin();
});
byId("family").addEventListener("change", (event) => {
  location.hash = `#/wall?${event.target.value}`;
});
window.addEventListener("hashchange", show);
window.addEventListener("signed-out", () => {
  if (session.needed) return;
  session.needed = true;
  byId("sign-out").hidden = true;
  show();
});
feed.addEventListener("state", showLink);
state.addEventListener("change", showAlerts);
if (pref("theme", "") !== "") document.documentElement.dataset.theme = pref("theme", "dark");
label();
void begin();
