// Fingers, mouse and wheel on the timeline. On the ruler a drag moves the shown instant; below it a drag
// moves the timeline, a tap or click shows that instant, two fingers or the wheel zoom. The two grips
// of a marked range are handles of their own, which arrow keys move too.

import { el } from "./dom.js";
import { fullTime } from "./time.js";
import { RULER } from "./timeline-draw.js";
import { fromX, toX, zoomed } from "./timeline-model.js";

/** A press that moves less than this many pixels is a tap. */
const TAP = 5;
/** The shown instant is taken by its flag within so many pixels. */
const NEAR = 14;

export class Hand {
  /** @param {import("./timeline.js").Timeline} timeline */
  constructor(timeline) {
    this.timeline = timeline;
    /** @type {Map<number, number>} */
    this.fingers = new Map();
    /** @type {"" | "scrub" | "pan" | "pinch"} */
    this.holds = "";
    this.moved = 0;
    const { slider } = timeline;
    slider.addEventListener("pointerdown", (event) => this.down(event));
    slider.addEventListener("pointermove", (event) => this.move(event));
    slider.addEventListener("pointerup", (event) => this.up(event));
    slider.addEventListener("pointercancel", (event) => this.lost(event));
    slider.addEventListener("pointerleave", () => this.holds || timeline.hover(null));
    slider.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  /** @param {MouseEvent} event */
  place(event) {
    const box = this.timeline.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (event.button !== 0) return;
    this.timeline.slider.setPointerCapture(event.pointerId);
    const { x, y } = this.place(event);
    this.fingers.set(event.pointerId, x);
    this.moved = 0;
    if (this.fingers.size === 2) {
      this.holds = "pinch";
      this.begin();
      return;
    }
    const { view, width, scene } = this.timeline;
    const flag = scene.shown === null ? Infinity : Math.abs(toX(view, width, scene.shown) - x);
    this.holds = y <= RULER || (flag < NEAR && y < RULER * 1.6) ? "scrub" : "pan";
    this.begin();
    if (this.holds === "scrub") this.timeline.wish("scrub", this.timeline.at(x));
  }

  /** Remembers what the gesture starts from. */
  begin() {
    const places = [...this.fingers.values()];
    this.start = { view: { ...this.timeline.view }, places };
  }

  /** @param {PointerEvent} event */
  move(event) {
    const { timeline } = this;
    const { x } = this.place(event);
    if (!this.fingers.has(event.pointerId)) {
      if (event.pointerType === "mouse") timeline.hover(timeline.at(x));
      return;
    }
    this.moved = Math.max(this.moved, Math.abs(x - this.start.places[0]));
    this.fingers.set(event.pointerId, x);
    if (this.holds === "scrub") timeline.wish("scrub", timeline.at(x));
    else if (this.holds === "pan" && this.moved >= TAP) this.pan(x);
    else if (this.holds === "pinch") this.pinch();
  }

  /** @param {number} x */
  pan(x) {
    const { view, places } = this.start;
    const by = fromX(view, this.timeline.width, places[0]) - fromX(view, this.timeline.width, x);
    this.timeline.hover(null);
    this.timeline.lookAt({ from: view.from + by, to: view.to + by });
  }

  pinch() {
    const { view, places } = this.start;
    const [one, two] = [...this.fingers.values()];
    const before = Math.max(12, Math.abs(places[0] - places[1]));
    const after = Math.max(12, Math.abs(one - two));
    const middle = fromX(view, this.timeline.width, (places[0] + places[1]) / 2);
    const next = zoomed(view, before / after, middle);
    const by = middle - fromX(next, this.timeline.width, (one + two) / 2);
    this.timeline.lookAt({ from: next.from + by, to: next.to + by });
  }

  /** @param {PointerEvent} event */
  up(event) {
    if (!this.fingers.has(event.pointerId)) return;
    const { x } = this.place(event);
    const tapped = this.holds === "pan" && this.moved < TAP;
    if (this.holds === "scrub" || tapped) this.timeline.wish("seek", this.timeline.at(x));
    this.lost(event);
  }

  /** @param {PointerEvent} event */
  lost(event) {
    this.fingers.delete(event.pointerId);
    this.holds = this.fingers.size === 1 ? "pan" : "";
    if (this.holds) {
      this.begin();
      this.moved = TAP;
    }
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    event.preventDefault();
    const { timeline } = this;
    const lines = event.deltaMode === 1 ? 24 : 1;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      timeline.pan((((event.deltaX || event.deltaY) * lines) / Math.max(1, timeline.width)));
    } else {
      timeline.zoom(Math.exp(event.deltaY * lines * 0.0016), timeline.at(this.place(event).x));
    }
  }
}

/** One end of the marked range. */
export class Grip {
  /** @param {"from" | "to"} end @param {import("./timeline.js").Timeline} timeline */
  constructor(end, timeline) {
    this.end = end;
    this.timeline = timeline;
    this.element = el("div", {
      class: `grip grip-${end}`, role: "slider", tabindex: "0", hidden: true,
      "aria-label": end === "from" ? "Start of the range" : "End of the range",
      data: { testid: `grip-${end}` },
      on: {
        pointerdown: (event) => this.element.setPointerCapture(event.pointerId),
        pointermove: (event) => this.element.hasPointerCapture(event.pointerId) && this.move(event),
        keydown: (event) => this.key(event),
      },
    });
  }

  /** @param {import("./timeline-model.js").Window | null} range */
  place(range) {
    this.element.hidden = range === null;
    if (!range) return;
    const { view, width } = this.timeline;
    const x = toX(view, width, range[this.end]);
    this.element.hidden = x < -1 || x > width + 1;
    this.element.style.setProperty("left", `${x}px`);
    this.element.setAttribute("aria-valuemin", String(Math.round(view.from / 1000)));
    this.element.setAttribute("aria-valuemax", String(Math.round(view.to / 1000)));
    this.element.setAttribute("aria-valuenow", String(Math.round(range[this.end] / 1000)));
    this.element.setAttribute("aria-valuetext", fullTime(range[this.end]));
  }

  /** @param {PointerEvent} event */
  move(event) {
    const box = this.timeline.canvas.getBoundingClientRect();
    this.set(this.timeline.at(event.clientX - box.left));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const range = this.timeline.scene.range;
    if (!way || !range) return;
    event.preventDefault();
    event.stopPropagation();
    const { view, width } = this.timeline;
    this.set(range[this.end] + way * ((view.to - view.from) / width) * (event.shiftKey ? 20 : 2));
  }

  /** @param {number} ms */
  set(ms) {
    const range = this.timeline.scene.range;
    if (!range) return;
    const next = { ...range, [this.end]: ms };
    if (next.to - next.from >= 1) this.timeline.mark(next);
  }
}
