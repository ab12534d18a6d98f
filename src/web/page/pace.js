// Playing the past: which frame is due when. Media time runs with the clock times the speed; at high
// speed frames closer than a screen can show are left out, before their pictures are read. A picture
// that comes late makes media time wait, and a hole in the recording is jumped over.

import { Problem } from "./api.js";
import { serverNow } from "./time.js";

/** Least time between two pictures on the screen, in ms. */
const SCREEN = 33;
/** A hole longer than this, as it would be watched, is jumped over. */
const HOLE = 3000;
/** Later than this, media time waits. */
const LATE = 150;
const READ_AHEAD = 6;
/** Playing that comes so near to now becomes live. */
const NOW = 2000;

export class Pace {
  /** @param {import("./frames.js").Frames} frames @param {import("./frames.js").FrameRef} from */
  constructor(frames, from) {
    this.frames = frames;
    this.at = from;
    this.anchor(from.ms);
    this.speed = 1;
  }

  /** Media time is `ms` now. @param {number} ms */
  anchor(ms) {
    this.media = ms;
    this.wall = performance.now();
  }

  due() {
    return this.media + (performance.now() - this.wall) * this.speed;
  }

  /**
   * Shows frame after frame until `goesOn` is false or no frame is left.
   * @param {() => boolean} goesOn
   * @param {() => number} speed
   * @param {(frame: import("./frames.js").FrameRef, jpeg: Blob) => void} show
   * @returns {Promise<"now" | "end">} `now` when the present was reached
   */
  async run(goesOn, speed, show) {
    while (goesOn()) {
      if (speed() !== this.speed) {
        this.anchor(this.at.ms);
        this.speed = speed();
      }
      const ahead = thinned(await this.frames.beside(this.at, 1, Math.ceil(120 * this.speed)), this.at.ms, SCREEN * this.speed);
      if (ahead.length === 0) return serverNow() - this.at.ms < NOW * Math.max(1, this.speed) ? "now" : "end";
      const next = choose(ahead, this.due());
      const jpeg = await this.read(ahead, next);
      if (!goesOn()) break;
      if (jpeg) await this.wait(next);
      if (!goesOn()) break;
      this.at = next;
      if (jpeg) show(next, jpeg);
    }
    return "end";
  }

  /**
   * The picture of `next`, and those behind it on their way; null when it has expired.
   * @param {import("./frames.js").FrameRef[]} ahead @param {import("./frames.js").FrameRef} next
   */
  async read(ahead, next) {
    const from = ahead.indexOf(next);
    for (const frame of ahead.slice(from, from + READ_AHEAD)) this.frames.picture(frame).catch(() => {});
    try {
      return await this.frames.picture(next);
    } catch (error) {
      if (error instanceof Problem && error.status === 404) return null;
      throw error;
    }
  }

  /** @param {import("./frames.js").FrameRef} next */
  async wait(next) {
    const early = (next.ms - this.due()) / this.speed;
    if (early > HOLE || early < -LATE) this.anchor(next.ms);
    else if (early > 0) await new Promise((done) => setTimeout(done, early));
  }
}

/**
 * Those that are at least `apart` ms from the one before.
 * @param {import("./frames.js").FrameRef[]} frames @param {number} from ms @param {number} apart ms
 */
export function thinned(frames, from, apart) {
  let last = from;
  const kept = frames.filter(({ ms }) => {
    if (ms - last < apart * 0.9) return false;
    last = ms;
    return true;
  });
  return kept.length > 0 ? kept : frames.slice(-1);
}

/** The newest that is due, or else the first. @param {import("./frames.js").FrameRef[]} ahead @param {number} due ms */
export function choose(ahead, due) {
  let chosen = ahead[0];
  for (const frame of ahead) {
    if (frame.ms > due) break;
    chosen = frame;
  }
  return chosen;
}
