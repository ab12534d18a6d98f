// The timeline of a camera: shows when there are frames, and lets a hand, a wheel or keys choose an
// instant and a range. It says what is wanted by events (`scrub`, `seek`, `range`); whoever shows the
// pictures decides what happens and tells it what is shown.

import { LatestWins } from "./api.js";
import { el } from "./dom.js";
import { Grip, Hand } from "./hand.js";
import { Preview } from "./preview.js";
import { serverNow, toMs } from "./time.js";
import { draw, spokenTime } from "./timeline-draw.js";
import { fromX, loadDensity, roundUp, toX, zoomed } from "./timeline-model.js";

/** Pixels of one step of density. */
const STEP_PIXELS = 3;
/** The view ends so far right of now, as a share of its length. */
const AHEAD = 0.04;
const RELOAD = 2000;

export class Timeline extends EventTarget {
  /** @param {string} camera */
  constructor(camera) {
    super();
    this.camera = camera;
    this.length = 300_000;
    this.follow = true;
    /** @type {import("./timeline-draw.js").Scene} */
    this.scene = { view: this.nowView(), density: null, range: null, shown: null, hover: null };
    this.live = true;
    this.loaded = -Infinity;
    this.dirty = true;
    this.build();
    this.loader = new LatestWins(({ window, step }, signal) => loadDensity(camera, window, step, signal), (density) => this.take(density));
    this.resized = new ResizeObserver(() => this.touch());
    this.resized.observe(this.canvas);
    this.look = () => this.touch();
    window.addEventListener("look", this.look);
    this.frame = requestAnimationFrame(() => this.tick());
  }

  build() {
    this.canvas = el("canvas", { class: "timeline-canvas", data: { testid: "timeline-canvas" } });
    this.preview = new Preview(this.camera);
    this.grips = { from: new Grip("from", this), to: new Grip("to", this) };
    this.slider = el("div", {
      class: "timeline-slider", role: "slider", tabindex: "0", "aria-label": "Shown instant",
      "aria-orientation": "horizontal", data: { testid: "timeline" },
    }, this.canvas);
    this.element = el("div", { class: "timeline" }, this.slider, this.grips.from.element, this.grips.to.element, this.preview.element);
    this.hand = new Hand(this);
  }

  close() {
    cancelAnimationFrame(this.frame);
    this.loader.forget();
    this.preview.close();
    this.resized.disconnect();
    window.removeEventListener("look", this.look);
  }

  get view() {
    return this.scene.view;
  }

  get width() {
    return this.canvas.clientWidth;
  }

  /** @param {number} x @returns {number} ms, now at most */
  at(x) {
    return Math.min(serverNow(), fromX(this.view, this.width, x));
  }

  nowView() {
    const to = serverNow() + this.length * AHEAD;
    return { from: to - this.length, to };
  }

  /** Draws again with the next frame of the screen. */
  touch() {
    this.dirty = true;
  }

  /** @param {import("./timeline-model.js").Window} view */
  lookAt(view) {
    this.follow = false;
    this.length = view.to - view.from;
    const late = view.from - serverNow() + this.length * 0.1;
    this.scene.view = late > 0 ? { from: view.from - late, to: view.to - late } : view;
    this.changed();
  }

  changed() {
    this.load();
    this.touch();
  }

  /** @param {number} factor @param {number} [around] */
  zoom(factor, around = this.scene.shown ?? serverNow()) {
    const follow = this.follow && this.live;
    this.lookAt(zoomed(this.view, factor, Math.min(this.view.to, Math.max(this.view.from, around))));
    if (follow) this.toNow();
  }

  /** @param {number} share of the view's length to the right */
  pan(share) {
    const by = share * (this.view.to - this.view.from);
    this.lookAt({ from: this.view.from + by, to: this.view.to + by });
  }

  /** Follows the present again. */
  toNow() {
    this.follow = true;
    this.scene.view = this.nowView();
    this.changed();
  }

  /** Shows `window` with some room around it. @param {import("./timeline-model.js").Window} window */
  fit(window) {
    const room = Math.max(1000, (window.to - window.from) * 0.06);
    this.lookAt({ from: window.from - room, to: window.to + room });
  }

  /**
   * What is on the screen now.
   * @param {string | null} nanos @param {boolean} live
   */
  show(nanos, live) {
    this.live = live;
    const ms = nanos === null ? null : toMs(nanos);
    this.scene.shown = ms;
    if (ms !== null && !this.follow && !live) this.keepInSight(ms);
    this.slider.setAttribute("aria-valuetext", spokenTime(ms, live));
    this.slider.dataset.nanos = nanos ?? "";
    this.touch();
  }

  /** @param {number} ms */
  keepInSight(ms) {
    if (this.hand.holds || (ms >= this.view.from && ms <= this.view.to)) return;
    const half = (this.view.to - this.view.from) / 2;
    this.scene.view = { from: ms - half, to: ms + half };
    this.changed();
  }

  /** Whole ms, so that every form of the range is the same. @param {import("./timeline-model.js").Window | null} marked */
  mark(marked) {
    const range = marked && { from: Math.floor(marked.from), to: Math.ceil(marked.to) };
    this.scene.range = range;
    this.grips.from.place(range);
    this.grips.to.place(range);
    this.dispatchEvent(new CustomEvent("range", { detail: range }));
    this.touch();
  }

  /** @param {number | null} ms where a mouse points */
  hover(ms) {
    this.scene.hover = ms;
    if (ms === null) this.preview.hide();
    else this.preview.show(ms, toX(this.view, this.width, ms), this.width);
    this.touch();
  }

  /** @param {"scrub" | "seek"} wish @param {number} ms */
  wish(wish, ms) {
    this.dispatchEvent(new CustomEvent(wish, { detail: ms }));
  }

  load() {
    if (this.width === 0) return;
    const length = this.view.to - this.view.from;
    const step = roundUp((length / this.width) * STEP_PIXELS);
    const wanted = { from: this.view.from - length / 4, to: Math.min(serverNow() + step, this.view.to + length / 4) };
    this.loaded = performance.now();
    if (wanted.to > wanted.from) this.loader.want({ window: wanted, step });
  }

  /** @param {import("./timeline-model.js").Density} density */
  take(density) {
    this.scene.density = density;
    this.element.dataset.frames = String(density.steps.reduce((sum, { frames }) => sum + frames, 0));
    this.touch();
    this.dispatchEvent(new Event("density"));
  }

  tick() {
    this.frame = requestAnimationFrame(() => this.tick());
    if (document.hidden) return;
    const now = performance.now();
    if (this.follow) {
      const pixel = this.length / Math.max(1, this.width);
      if (this.nowView().to - this.view.to > pixel) {
        this.scene.view = this.nowView();
        this.touch();
      }
    }
    if (now - this.loaded > RELOAD) {
      this.load();
      this.touch();
    }
    if (!this.dirty) return;
    this.dirty = false;
    this.element.dataset.from = String(Math.round(this.view.from));
    this.element.dataset.to = String(Math.round(this.view.to));
    const seconds = (ms) => String(Math.round(ms / 1000));
    this.slider.setAttribute("aria-valuemin", seconds(this.view.from));
    this.slider.setAttribute("aria-valuemax", seconds(this.view.to));
    this.slider.setAttribute("aria-valuenow", seconds(this.scene.shown ?? this.view.to));
    this.grips.from.place(this.scene.range);
    this.grips.to.place(this.scene.range);
    draw(this.canvas, this.scene);
  }
}
