// One camera: the big picture, how to move in time, and what can be taken away. Puts player, timeline
// and export together; keys are in keys.js.

import { button, copy, el, say, setText } from "./dom.js";
import { Export } from "./export.js";
import { family } from "./api.js";
import { fittingHeight, Painter } from "./painter.js";
import { KEYS, listen } from "./keys.js";
import { Player } from "./player.js";
import { href, rename } from "./route.js";
import { LOOKS, judge, state } from "./state.js";
import { clockTime, fullTime, rfc3339, serverNow, size, span, zoneName } from "./time.js";
import { Timeline } from "./timeline.js";

const SPEEDS = [0.5, 1, 2, 4, 8, 16];
/** What `mark` takes before the shown instant where nothing else is marked, in ms. */
const MARKED = 30_000;

/** @param {import("./route.js").Route} route @returns {import("./app.js").View} */
export function camera(route) {
  const view = new CameraView(route.name);
  view.open(route.query.get("f"));
  return {
    element: view.element,
    title: route.name,
    close: () => view.close(),
    follow: (next) => {
      view.open(next.query.get("f"));
      return true;
    },
  };
}

class CameraView {
  /** @param {string} id */
  constructor(id) {
    this.id = id;
    this.build();
    this.painter = new Painter(this.canvas);
    this.player = new Player(id, {
      paint: (jpeg, then) => this.painter.paint(jpeg, () => this.painted(then)),
      height: () => fittingHeight(this.canvas.clientHeight * devicePixelRatio),
      note: (said, expired) => this.note(said, expired === true),
    }, () => `${family.tenant ?? state.status?.tenant ?? ""}:${family.prefix ?? state.status?.prefix ?? ""}`);
    this.player.addEventListener("change", () => this.update());
    this.timeline.addEventListener("scrub", (event) => this.player.scrub(event.detail));
    this.timeline.addEventListener("seek", (event) => this.player.seek(event.detail));
    this.timeline.addEventListener("range", (event) => this.exporter.choose(event.detail));
    this.unlisten = listen(this);
    this.timer = window.setInterval(() => this.tick(), 500);
    this.changed = () => this.tick();
    state.addEventListener("change", this.changed);
    window.addEventListener("look", this.changed);
    this.tick();
  }

  build() {
    this.canvas = el("canvas", { width: 16, height: 9, role: "img", class: "big", data: { testid: "picture", drawn: "0" } });
    this.words = el("span");
    this.nearest = button("Show the nearest living frame", "nearest", () => this.player.nearest(), { hidden: true });
    this.noteBox = el("div", { class: "stage-note", role: "status", hidden: true, data: { testid: "stage-note" } }, this.words, this.nearest);
    this.timeline = new Timeline(this.id);
    this.exporter = new Export(this.id, this.timeline);
    this.title = el("h1", { text: this.id });
    this.badge = el("span", { class: "badge", data: { testid: "badge" } });
    this.time = el("span", { class: "shown-time", data: { testid: "shown-time" } });
    this.facts = el("span", { class: "muted facts", data: { testid: "facts" } });
    this.key = el("code", { class: "key", data: { testid: "key" } });
    this.trouble = el("p", { class: "trouble", data: { testid: "trouble" }, hidden: true });
    this.element = el("section", { class: "camera", "aria-label": `Camera ${this.id}`, data: { testid: "camera", mode: "" } },
      el("div", { class: "camera-head" },
        el("a", { class: "back", href: href("wall"), text: "‹ Wall", data: { testid: "back" } }), this.title, this.badge, this.time, this.facts),
      el("div", { class: "stage" }, this.canvas, this.noteBox), this.trouble,
      this.timeline.element, this.controls(), this.taking(), this.exporter.element, keyHelp());
  }

  controls() {
    const named = (text, testid, label, run) => button(text, testid, run, { "aria-label": label, title: label, class: "icon" });
    this.playButton = named("▶", "play", "Play", () => this.toggle());
    this.liveButton = button("● Live", "live", () => this.live(), { title: "Show the present (l)" });
    this.speed = el("select", { "aria-label": "Speed", data: { testid: "speed" }, on: { change: () => this.setSpeed(Number(this.speed.value)) } },
      ...SPEEDS.map((speed) => el("option", { value: speed, text: `×${speed}`, selected: speed === 1 })));
    return el("div", { class: "controls", role: "group", "aria-label": "Move in time" },
      named("«", "first", "Oldest frame (Home)", () => this.player.toEnd(-1)),
      named("‹", "back-one", "One frame back (left arrow)", () => this.player.step(-1)), this.playButton,
      named("›", "on-one", "One frame on (right arrow)", () => this.player.step(1)),
      named("»", "last", "Newest frame (End)", () => this.player.toEnd(1)),
      this.liveButton, this.speed,
      el("span", { class: "grow" }),
      named("−", "zoom-out", "Longer span (−)", () => this.timeline.zoom(1.6)),
      named("+", "zoom-in", "Shorter span (+)", () => this.timeline.zoom(1 / 1.6)),
      named("[", "mark-from", "Range starts here (i)", () => this.markEnd("from")),
      named("]", "mark-to", "Range ends here (o)", () => this.markEnd("to")));
  }

  taking() {
    this.save = el("a", { class: "button", text: "Download picture", data: { testid: "save" } });
    return el("div", { class: "controls", role: "group", "aria-label": "Take away" },
      button("Export …", "export-open", () => this.mark(), { title: "Mark a range and export it (e)" }), this.save,
      button("Copy key", "copy-key", () => this.copyKey(), { title: "Copy the frame's key (k)" }), this.key);
  }

  close() {
    this.player.close();
    this.timeline.close();
    this.exporter.close();
    this.unlisten();
    clearInterval(this.timer);
    state.removeEventListener("change", this.changed);
    window.removeEventListener("look", this.changed);
  }

  /** @param {string | null} frame */
  open(frame) {
    if (frame) {
      if (this.player.current?.id !== frame) {
        void this.whenKnown(() => this.player.open(frame));
        this.timeline.follow = false;
      }
    } else if (this.player.mode !== "live") this.live();
  }

  /** Keys need the tenant, which the status tells. @param {() => void} then */
  async whenKnown(then) {
    if (!state.status && !family.tenant) await new Promise((done) => state.addEventListener("change", done, { once: true }));
    then();
  }

  live() {
    this.timeline.toNow();
    this.player.live();
  }

  toggle() {
    if (this.player.mode === "still") void this.player.play();
    else void this.player.pause();
  }

  /** @param {number} speed */
  setSpeed(speed) {
    this.player.speed = speed;
    this.speed.value = String(speed);
  }

  /** @param {number} way */
  changeSpeed(way) {
    const at = SPEEDS.indexOf(this.player.speed) + way;
    if (SPEEDS[at]) {
      this.setSpeed(SPEEDS[at]);
      say(`speed ${SPEEDS[at]}`);
    }
  }

  /** @param {"from" | "to"} end */
  markEnd(end) {
    const at = this.player.current?.ms ?? serverNow();
    const range = this.timeline.scene.range ?? { from: at - MARKED, to: at };
    const next = end === "from" ? { from: at, to: range.to > at ? range.to : at + 1000 } : { from: range.from < at ? range.from : at - 1000, to: at + 1 };
    this.timeline.mark(next);
    say(`the range is ${span(next.to - next.from)} long`);
  }

  mark() {
    const at = this.player.current?.ms ?? serverNow();
    if (!this.timeline.scene.range) this.timeline.mark({ from: at - MARKED, to: at + 1 });
    this.exporter.open();
  }

  async copyKey() {
    const { current } = this.player;
    if (current) say((await copy(current.key)) ? "the key is copied" : "this browser does not allow copying");
  }

  /** @param {string} said @param {boolean} expired */
  note(said, expired) {
    this.noteBox.hidden = said === "";
    setText(this.words, said);
    this.nearest.hidden = !expired;
    this.canvas.classList.toggle("faded", expired);
    this.element.dataset.expired = String(expired);
  }

  /** @param {(() => void) | undefined} then */
  painted(then) {
    this.canvas.dataset.drawn = String(this.painter.drawn);
    then?.();
  }

  /** What changed with the frame or the mode. */
  update() {
    const { current, mode } = this.player;
    this.element.dataset.mode = mode;
    this.element.dataset.frame = current?.id ?? "";
    setText(this.playButton, mode === "still" ? "▶" : "‖");
    this.playButton.setAttribute("aria-label", mode === "still" ? "Play" : "Pause");
    this.liveButton.setAttribute("aria-pressed", String(mode === "live"));
    this.timeline.show(current?.nanos ?? null, mode === "live");
    if (mode === "live") rename(`camera/${this.id}`);
    else if (mode === "still" && current) rename(`camera/${this.id}`, { f: current.id });
    setText(this.key, current?.key ?? "");
    if (current) {
      this.save.href = this.player.frames.address(current);
      this.save.download = `${this.id}_${rfc3339(current.ms).replaceAll(":", "-")}.jpg`;
      setText(this.time, mode === "live" ? clockTime(current.ms) : fullTime(current.ms));
      this.time.title = `${fullTime(current.ms)} ${zoneName()}`;
      this.canvas.setAttribute("aria-label", `Picture of ${this.id} at ${fullTime(current.ms)}`);
    }
    this.tick();
  }

  /** What changes with time. */
  tick() {
    const info = state.cameras.get(this.id);
    const { current, mode } = this.player;
    setText(this.title, info?.name ?? this.id);
    const age = current ? serverNow() - current.ms : null;
    const usual = info && info.rate > 0 ? 1000 / info.rate : null;
    const seen = mode === "live" ? age : info?.lastFrame ? state.ageOf(info.lastFrame) : null;
    const judged = judge(info?.state ?? "", seen, usual);
    this.badge.dataset.state = judged;
    setText(this.badge, `${LOOKS[judged].sign} ${LOOKS[judged].word}`);
    this.trouble.hidden = !(info?.lastError && (judged === "down" || judged === "stale"));
    setText(this.trouble, info?.lastError ?? "");
    setText(this.facts, facts(current, age, mode));
    if (mode === "still" && current?.expires && current.expires < serverNow() && this.noteBox.hidden) {
      this.note("This frame has expired. Its picture stays here until you move on.", true);
      this.canvas.classList.remove("faded");
    }
  }
}

/** @param {import("./frames.js").FrameRef | null} frame @param {number | null} age @param {string} mode */
function facts(frame, age, mode) {
  if (!frame || age === null) return "no frame yet";
  const all = [`${span(Math.max(0, age))} old`];
  if (mode !== "live" && frame.expires) {
    const left = frame.expires - serverNow();
    all.push(left > 0 ? `expires in ${span(left)}` : "expired");
  }
  if (frame.size) all.push(size(frame.size));
  return all.join(" · ");
}

function keyHelp() {
  const list = el("dl", { class: "keys-list" });
  for (const [keys, meaning] of KEYS) list.append(el("dt", { text: keys }), el("dd", { text: meaning }));
  return el("details", { class: "keys" }, el("summary", { text: "Keys" }), list);
}
