// Recordings: what runs and what is there, begun, paused, stopped, taken away and deleted. Replays and
// holds stand below, because all three are about keeping what would expire.

import { Problem, address, json } from "./api.js";
import { button, el, say, setText } from "./dom.js";
import { holds } from "./holds.js";
import { Poll, Records, field, twice } from "./records.js";
import { Replays } from "./replays.js";
import { session } from "./session.js";
import { state } from "./state.js";
import { count, fullTime, size, span, toMs } from "./time.js";

const EVERY = 2000;

const LOOKS = {
  recording: ["●", "recording"], paused: ["‖", "paused"], stopping: ["◌", "finishing"], finished: ["■", "finished"], failed: ["✕", "failed"],
};
const WHY = {
  max_length: "as long as it may be", max_bytes: "as large as it may be", idle: "no frames came", quota: "the quota is used up", recovered: "closed after a crash",
};
const FROM = [["", "now on"], ["-10s", "10 s ago"], ["-60s", "1 min ago"], ["-5m", "5 min ago"], ["all", "all that still lives"]];
const END = [["", "until it is stopped"], ["10s", "10 s long"], ["1m", "1 min long"], ["10m", "10 min long"], ["1h", "1 h long"], ["8h", "8 h long"]];
const FILES = [["", "one file"], ["1m", "a file each minute"], ["10m", "a file each 10 min"], ["1h", "a file each hour"]];

/** @returns {import("./app.js").View} */
export function recordings() {
  const view = new Recordings();
  return { element: view.element, title: "Recordings", close: () => view.close() };
}

class Recordings {
  constructor() {
    this.note = el("p", { class: "muted", role: "status", data: { testid: "recordings-note" }, text: "Asking …" });
    this.trouble = el("p", { class: "error", role: "alert", data: { testid: "recordings-error" } });
    const heads = ["Name", "State", "Cameras", "From", "Length", "Frames", "Bytes", "Lost", "Files", ""];
    this.list = new Records("Recordings", "recordings", heads, ({ name }) => name, () => new Row(this));
    this.replays = new Replays();
    this.holds = holds();
    this.element = el("section", { class: "keeping", "aria-label": "Recordings" }, el("h1", { text: "Recordings" }),
      session.write ? this.form() : null, this.trouble, this.note, this.list.element, this.replays.element, this.holds.element);
    this.poll = new Poll(() => this.refresh(), EVERY);
  }

  close() {
    this.poll.close();
    this.replays.close();
    this.holds.close();
  }

  form() {
    const choice = (options, testid) => el("select", { data: { testid } }, ...options.map(([value, text]) => el("option", { value, text })));
    const known = el("datalist", { id: "known-cameras" }, ...[...state.cameras.keys()].map((value) => el("option", { value })));
    this.name = el("input", { required: true, maxlength: 64, pattern: "[A-Za-z0-9_][A-Za-z0-9._\\-]*", title: "1 to 64 letters, digits, '.', '_' or '-', not starting with '.' or '-'", placeholder: "night", autocomplete: "off", data: { testid: "record-name" } });
    this.cameras = el("input", { placeholder: "all, or gate*, yard", list: "known-cameras", autocomplete: "off", data: { testid: "record-cameras" } });
    [this.from, this.end, this.files] = [choice(FROM, "record-from"), choice(END, "record-end"), choice(FILES, "record-files")];
    const submit = (event) => {
      event.preventDefault();
      void this.start();
    };
    return el("form", { class: "card start-form", data: { testid: "record-form" }, on: { submit } },
      field("Name", this.name), field("Cameras", this.cameras), known, field("From", this.from), field("End", this.end), field("Files", this.files),
      el("button", { type: "submit", class: "primary", text: "● Record", data: { testid: "record-go" } }));
  }

  async start() {
    const order = { name: this.name.value.trim() };
    const cameras = this.cameras.value.split(/[\s,]+/).filter(Boolean);
    if (cameras.length > 0) order.cameras = cameras;
    if (this.from.value) order.from = this.from.value === "all" ? "0" : this.from.value;
    if (this.end.value) order.max_length = this.end.value;
    if (this.files.value) order.segment = this.files.value;
    const headers = { "content-type": "application/json" };
    const done = await this.run(address("recordings"), { method: "POST", headers, body: JSON.stringify(order) }, `recording ${order.name}`);
    if (done) this.name.value = "";
  }

  /**
   * Orders something, says so, and shows how things stand then.
   * @param {string} url @param {RequestInit} options @param {string} said @returns {Promise<boolean>} whether it was done
   */
  async run(url, options, said) {
    setText(this.trouble, "");
    try {
      await json(url, options);
      say(said);
    } catch (error) {
      setText(this.trouble, error instanceof Problem ? error.message : String(error));
      return false;
    } finally {
      await this.poll.now();
    }
    return true;
  }

  async refresh() {
    try {
      const { recordings: all } = await json(address("recordings"));
      this.list.show(all);
      this.replays.offer(all.filter(isPlayable).map(({ name }) => name));
      setText(this.note, all.length > 0 ? "" : "There is no recording yet.");
    } catch (error) {
      setText(this.note, `The recordings are not known: ${error instanceof Problem ? error.message : error}.`);
    }
  }
}

/** Whether a recording is complete and its files are there. @param {any} one */
function isPlayable({ state: phase, files: names }) {
  return phase === "finished" && names.length > 0;
}

/** One recording. */
class Row {
  /** @param {Recordings} view */
  constructor(view) {
    this.view = view;
    this.looks = el("span", { class: "badge", data: { testid: "recording-state" } });
    this.cells = Array.from({ length: 6 }, () => el("td"));
    this.name = el("th", { scope: "row" });
    this.files = el("td", { class: "files" });
    this.acts = el("td", { class: "acts" });
    this.element = el("tr", { data: { testid: "recording" } }, this.name, el("td", {}, this.looks), ...this.cells, this.files, this.acts);
    this.shown = "";
  }

  /** @param {any} one */
  show(one) {
    this.element.dataset.name = one.name;
    this.element.dataset.state = one.state;
    setText(this.name, one.name);
    const [sign, word] = LOOKS[one.state] ?? ["", one.state];
    setText(this.looks, `${sign} ${word}${WHY[one.reason] ? ` (${WHY[one.reason]})` : ""}`);
    this.looks.title = one.detail ?? "";
    this.looks.dataset.state = { recording: "live", paused: "stale", failed: "down" }[one.state] ?? "";
    const texts = [
      one.cameras.join(", ") || "all", one.first ? fullTime(toMs(one.first)) : "–",
      one.first && one.last ? span(toMs(one.last) - toMs(one.first)) : "–",
      one.frames === null ? "–" : count(one.frames), size(one.bytes), one.lost > 0 ? `▲ ${count(one.lost)}` : "0",
    ];
    texts.forEach((text, at) => setText(this.cells[at], text));
    const now = JSON.stringify([one.state, one.files]);
    if (now === this.shown) return;
    this.shown = now;
    this.files.replaceChildren(...files(one.files));
    this.acts.replaceChildren(...(session.write ? this.buttons(one) : []));
  }

  /** What can be done in this state. @param {any} one */
  buttons(one) {
    const { name, state: phase } = one;
    const url = (what) => address(`recordings/${encodeURIComponent(name)}${what}`);
    const order = (text, what) => button(text, `recording-${what}`, () => this.view.run(url(`/${what}`), { method: "POST" }, `${name}: ${what}`), { "aria-label": `${text} ${name}` });
    switch (phase) {
      case "recording": return [order("Pause", "pause"), order("Stop", "stop")];
      case "paused": return [order("Resume", "resume"), order("Stop", "stop")];
      case "stopping": return [];
      default: {
        const gone = twice("Delete", "Delete for good?", "recording-delete", () => this.view.run(url(""), { method: "DELETE" }, `${name} is deleted`));
        if (phase === "failed") return [order("Recover", "recover"), gone];
        const play = button("Play …", "recording-play", () => this.view.replays.choose(name), { "aria-label": `Play ${name}` });
        return isPlayable(one) ? [play, gone] : [gone];
      }
    }
  }
}

/** Links to the files of a recording. @param {string[]} names */
function files(names) {
  const link = (name, text) => el("a", { href: address(`recordings/${name.split("/").map(encodeURIComponent).join("/")}`), download: "", text, data: { testid: "recording-file" } });
  if (names.length < 2) return names.map((name) => link(name, "Download"));
  return [el("details", {}, el("summary", { text: `${names.length} files` }),
    ...names.map((name) => el("div", {}, link(name, name.split("/").pop() ?? name))))];
}
