// The small picture above the timeline where a mouse points: the nearest frame to that instant, one
// request at a time.

import { LatestWins, ask, ofCamera } from "./api.js";
import { el, setText } from "./dom.js";
import { Painter } from "./painter.js";
import { clockTime, toMs, toNanos } from "./time.js";

const HEIGHT = 120;

export class Preview {
  /** @param {string} camera */
  constructor(camera) {
    this.canvas = el("canvas", { width: 16, height: 9 });
    this.label = el("span");
    this.element = el("div", { class: "preview", hidden: true, "aria-hidden": "true", data: { testid: "preview" } }, this.canvas, this.label);
    this.painter = new Painter(this.canvas);
    this.loader = new LatestWins(async (ms, signal) => {
      const response = await ask(ofCamera(camera, "at.jpg", { t: toNanos(ms), height: HEIGHT }), { signal });
      return { jpeg: await response.blob(), nanos: response.headers.get("x-frame-timestamp-ns") };
    }, ({ jpeg, nanos }) => {
      this.element.dataset.nanos = nanos ?? "";
      setText(this.label, nanos ? clockTime(toMs(nanos)) : "");
      this.painter.paint(jpeg);
    });
  }

  /** @param {number} ms @param {number} x @param {number} width of the timeline */
  show(ms, x, width) {
    this.element.hidden = false;
    const half = this.element.offsetWidth / 2;
    this.element.style.setProperty("left", `${Math.min(width - half, Math.max(half, x))}px`);
    this.loader.want(ms);
  }

  hide() {
    this.element.hidden = true;
    this.loader.forget();
  }

  close() {
    this.loader.forget();
  }
}
