// One camera on the wall: its newest picture and how it is doing. Knows when it was last told
// something and by how much; the wall decides what it asks for.

import { href } from "./route.js";
import { Painter } from "./painter.js";
import { LOOKS, judge, state } from "./state.js";
import { el, setText } from "./dom.js";
import { fullTime, serverNow, span, toMs } from "./time.js";

/** Over so many ms the rates of a tile are taken. */
const RATE_OVER = 5000;

export class Tile {
  /** @param {string} camera @param {(sentence: string) => void} tell says a change of state */
  constructor(camera, tell) {
    this.camera = camera;
    this.tell = tell;
    /** @type {import("./state.js").Camera | null} */
    this.info = null;
    this.visible = false;
    /** The newest picture, in ms. @type {number | null} */
    this.newest = null;
    /** Smoothed time from one frame of the camera to the next, in ms. @type {number | null} */
    this.interval = null;
    /** @type {{at: number, skipped: number}[]} */
    this.recent = [];
    this.build();
    this.painter = new Painter(this.canvas);
  }

  build() {
    this.canvas = el("canvas", { width: 16, height: 9, role: "img", "aria-label": `Newest picture of ${this.camera}` });
    this.badge = el("span", { class: "badge", data: { testid: "badge" } });
    this.name = el("span", { class: "tile-name", text: this.camera });
    this.age = el("span", { data: { testid: "age" } });
    this.rate = el("span", { data: { testid: "fps" } });
    this.skipped = el("span", { data: { testid: "skipped" } });
    this.trouble = el("p", { class: "trouble", data: { testid: "trouble" }, hidden: true });
    this.link = el("a", { href: href(`camera/${this.camera}`), class: "tile-link" },
      el("div", { class: "screen" }, this.canvas, this.trouble),
      el("div", { class: "tile-head" }, this.name, this.badge),
      el("div", { class: "tile-meta" }, this.age, this.rate, this.skipped));
    this.element = el("li", { class: "tile", data: { testid: "tile", camera: this.camera, drawn: "0", state: "" } }, this.link);
  }

  /** @param {import("./state.js").Camera} info */
  learn(info) {
    this.info = info;
    setText(this.name, info.name);
    this.name.title = info.name === info.camera ? "" : info.camera;
    if (info.rate > 0) this.interval ??= 1000 / info.rate;
  }

  /** @param {import("./feed.js").Picture} picture */
  take(picture) {
    const at = toMs(picture.nanos);
    if (this.newest !== null && at > this.newest) {
      const each = (at - this.newest) / (picture.skipped + 1);
      this.interval = this.interval === null ? each : this.interval * 0.8 + each * 0.2;
    }
    const again = at === this.newest;
    this.newest = at;
    if (!again) this.recent.push({ at: performance.now(), skipped: picture.skipped });
    this.painter.paint(picture.jpeg, () => {
      this.element.dataset.drawn = String(this.painter.drawn);
      this.element.dataset.nanos = String(picture.nanos);
    });
  }

  /** Shows how the camera is doing now. */
  tick() {
    const told = this.info?.lastFrame ?? 0;
    const seen = Math.max(this.newest ?? 0, told) || null;
    const age = seen === null ? null : seen === this.newest ? Math.max(0, serverNow() - seen) : state.ageOf(told);
    const judged = judge(this.info?.state ?? "", age, this.interval);
    const before = this.element.dataset.state;
    if (judged !== before) {
      this.element.dataset.state = judged;
      if (before) this.tell(`${this.name.textContent}: ${LOOKS[judged].word}`);
    }
    setText(this.badge, `${LOOKS[judged].sign} ${LOOKS[judged].word}`);
    setText(this.age, age === null ? "never seen" : `${span(age)} old`);
    this.age.title = seen === null ? "" : fullTime(seen);
    this.showRates();
    const error = judged === "down" || judged === "stale" ? this.info?.lastError ?? "" : "";
    this.trouble.hidden = error === "";
    setText(this.trouble, error);
  }

  showRates() {
    const from = performance.now() - RATE_OVER;
    while (this.recent.length > 0 && this.recent[0].at < from) this.recent.shift();
    const skipped = this.recent.reduce((sum, one) => sum + one.skipped, 0);
    setText(this.rate, `${((this.recent.length * 1000) / RATE_OVER).toFixed(1)} fps`);
    setText(this.skipped, skipped > 0 ? `${((skipped * 1000) / RATE_OVER).toFixed(1)} skipped/s` : "");
  }
}
