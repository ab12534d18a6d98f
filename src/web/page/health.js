// How the server is: ready or not and why, alerts, store, broker, the account of every frame, and
// each camera with its queue and its last error. All of it is the status that state.js asks for.

import { el, setText } from "./dom.js";
import { LOOKS, judge, state } from "./state.js";
import { count, fullTime, size, span, toMs } from "./time.js";

/** @returns {import("./app.js").View} */
export function health() {
  const view = new Health();
  return { element: view.element, title: "Health", close: () => view.close() };
}

const BYTES = ["used_bytes", "max_bytes", "stored_bytes"];

class Health {
  constructor() {
    this.ready = el("p", { class: "verdict", role: "status", data: { testid: "ready" }, text: "Asking …" });
    this.reasons = el("ul", { class: "reasons", data: { testid: "reasons" } });
    this.alerts = el("ul", { class: "alerts", role: "alert", data: { testid: "alerts" } });
    this.store = el("dl", { class: "facts-list", data: { testid: "store" } });
    this.bus = el("dl", { class: "facts-list", data: { testid: "bus" } });
    this.totals = el("dl", { class: "facts-list", data: { testid: "totals" } });
    this.dropped = el("dl", { class: "facts-list", data: { testid: "dropped" } });
    this.cameras = el("tbody");
    const heads = ["Camera", "State", "Newest", "Frames/s", "Queue", "Stored", "Dropped", "Last error"];
    this.table = el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table of cameras" },
      el("table", { data: { testid: "health-cameras" } }, el("caption", { class: "sr", text: "Cameras" }),
        el("thead", {}, el("tr", {}, ...heads.map((text) => el("th", { scope: "col", text })))), this.cameras));
    this.element = el("section", { "aria-label": "Health" }, el("h1", { text: "Health" }), this.ready, this.reasons, this.alerts,
      el("div", { class: "cards" }, card("Store", this.store), card("Announcements", this.bus), card("Frames", this.totals), card("Dropped, by reason", this.dropped)),
      el("h2", { text: "Cameras" }), this.table);
    this.changed = () => this.update();
    state.addEventListener("change", this.changed);
    window.addEventListener("look", this.changed);
    this.update();
  }

  close() {
    state.removeEventListener("change", this.changed);
    window.removeEventListener("look", this.changed);
  }

  update() {
    const { status } = state;
    if (!status) {
      if (state.problem) setText(this.ready, `✕ The status is not known: ${state.problem}.`);
      return;
    }
    this.verdict(status);
    list(this.alerts, status.alerts.map(({ severity, sentence }) => [severity, `${severity === "critical" ? "✕ Critical" : "▲ Warning"}: ${sentence}`]));
    facts(this.store, storeFacts(status.store));
    facts(this.bus, busFacts(status));
    facts(this.totals, totals(status.totals));
    facts(this.dropped, Object.entries(status.totals.dropped).map(([reason, number]) => [words(reason), count(number)]));
    this.cameras.replaceChildren(...status.cameras.map(row));
  }

  /** @param {any} status */
  verdict(status) {
    const stale = state.problem ? ` (last known; ${state.problem})` : "";
    setText(this.ready, (status.ready ? "● Ready: frames can be stored and announced" : "✕ Not ready") + stale);
    this.ready.dataset.ready = String(status.ready);
    list(this.reasons, [...status.reasons.map((text) => ["critical", text]), ...status.warnings.map((text) => ["warning", text])]);
  }
}

/** @param {string} title @param {HTMLElement} content */
function card(title, content) {
  return el("section", { class: "card", "aria-label": title }, el("h2", { text: title }), content);
}

/** Writes a list only where it changed: an alert is said once. @param {HTMLElement} into @param {[string, string][]} items */
function list(into, items) {
  const now = JSON.stringify(items);
  if (into.dataset.items === now) return;
  into.dataset.items = now;
  into.replaceChildren(...items.map(([severity, text]) => el("li", { text, data: { severity } })));
}

/** @param {HTMLElement} into @param {[string, string][]} pairs */
function facts(into, pairs) {
  into.replaceChildren(...pairs.flatMap(([name, value]) => [el("dt", { text: name }), el("dd", { text: value })]));
  if (pairs.length === 0) into.replaceChildren(el("dt", { text: "none" }));
}

/** @param {string} name */
function words(name) {
  return name.replaceAll("_", " ");
}

/** @param {any} store null for those who may not see it @returns {[string, string][]} */
function storeFacts(store) {
  if (!store) return [["not shown to one tenant", ""]];
  return Object.entries(store).filter(([, value]) => ["number", "string", "boolean"].includes(typeof value)).map(([name, value]) => {
    if (typeof value !== "number") return [words(name), String(value)];
    if (BYTES.includes(name)) return [words(name).replace(" bytes", ""), size(value)];
    return [words(name), Number.isInteger(value) ? count(value) : value.toFixed(2)];
  });
}

/** @param {any} status @returns {[string, string][]} */
function busFacts({ bus, announcements_waiting: waiting }) {
  /** @type {[string, string][]} */
  const pairs = bus ? [["place", bus.place ?? "not shown"], ["state", bus.state]] : [];
  if (bus?.why) pairs.push(["why", bus.why]);
  if (typeof waiting === "number") pairs.push(["waiting", count(waiting)]);
  return pairs;
}

/** @param {any} all @returns {[string, string][]} */
function totals(all) {
  return Object.entries(all).filter(([, value]) => typeof value === "number")
    .map(([name, value]) => [words(name).replace(" bytes", ", bytes"), BYTES.includes(name) ? size(value) : count(value)]);
}

/** @param {any} camera */
function row(camera) {
  const seen = camera.last_frame ? toMs(camera.last_frame) : null;
  const age = seen === null ? null : state.ageOf(seen);
  const judged = judge(camera.paused ? "paused" : camera.state, age, camera.rate_fps > 0 ? 1000 / camera.rate_fps : null);
  const dropped = Object.values(camera.counts?.dropped ?? {}).reduce((sum, number) => sum + number, 0);
  const queue = camera.queue ? `${count(camera.queue.frames)} (${size(camera.queue.bytes)})` : "–";
  const cells = [
    age === null ? "never" : `${span(age)} ago`, (camera.rate_fps ?? 0).toFixed(1), queue,
    count(camera.counts?.stored ?? 0), count(dropped), camera.last_error ?? "",
  ];
  const texts = cells.map((text) => el("td", { text }));
  if (seen !== null) texts[0].title = fullTime(seen);
  return el("tr", { data: { testid: "health-camera", camera: camera.camera } },
    el("th", { scope: "row" }, el("a", { href: `#/camera/${camera.camera}`, text: camera.name || camera.camera })),
    el("td", {}, el("span", { class: "badge", data: { state: judged }, text: `${LOOKS[judged].sign} ${LOOKS[judged].word}` })), ...texts);
}
