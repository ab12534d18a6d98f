// What the big picture shows: the present, one frame, or the past at some speed. Every wish gets a turn;
// an answer to an older turn is dropped, so the last wish always wins.

import { LatestWins, Problem, ask, ofCamera } from "./api.js";
import { feed } from "./feed.js";
import { Frames, frameRef } from "./frames.js";
import { Pace } from "./pace.js";
import { toNanos } from "./time.js";

/** Height of the pictures that are shown while a hand scrubs. */
const SCRUB_HEIGHT = 360;
const NEIGHBOURS = 120;

/** @typedef {"live" | "still" | "play"} Mode */

/**
 * @typedef {object} Stage
 * @property {(jpeg: Blob, then?: () => void) => void} paint
 * @property {() => number | undefined} height that fits the screen
 * @property {(said: string, expired?: boolean) => void} note
 */

export class Player extends EventTarget {
  /** @param {string} camera @param {Stage} stage @param {() => string} family `tenant:prefix` of keys */
  constructor(camera, stage, family) {
    super();
    this.camera = camera;
    this.stage = stage;
    this.family = family;
    this.frames = new Frames(camera);
    /** @type {Mode} */
    this.mode = "still";
    /** @type {import("./frames.js").FrameRef | null} */
    this.current = null;
    this.speed = 1;
    this.turn = 0;
    this.steps = Promise.resolve();
    this.waiting = 0;
    this.scrubber = new LatestWins((ms, signal) => this.near(ms, SCRUB_HEIGHT, signal), (found) => this.shown(found.frame, found.jpeg));
  }

  close() {
    this.turn += 1;
    this.scrubber.forget();
    feed.show([]);
  }

  /** @param {Mode} mode @returns {number} the turn that this wish has */
  begin(mode) {
    this.turn += 1;
    this.scrubber.forget();
    if (mode !== "live") feed.show([]);
    this.mode = mode;
    this.stage.note("");
    this.changed();
    return this.turn;
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }

  /** @param {import("./frames.js").FrameRef} frame @param {Blob} jpeg */
  shown(frame, jpeg) {
    this.current = frame;
    this.stage.paint(jpeg, () => this.dispatchEvent(new Event("painted")));
    this.changed();
  }

  live() {
    const turn = this.begin("live");
    this.frames.forgetRun();
    feed.show([{ camera: this.camera, height: this.stage.height(), draw: (picture) => {
      if (turn !== this.turn) return;
      const suffix = picture.seq > 0 ? `:${String(picture.seq).padStart(5, "0")}` : "";
      this.shown(frameRef(`${this.family()}:${this.camera}:${picture.nanos}${suffix}`), picture.jpeg);
    } }]);
  }

  /** Stays at what is shown. */
  async pause() {
    const turn = this.begin("still");
    if (this.current) await this.settle(this.current, turn);
  }

  /** Learns what is known of the frame that stays on the screen, and shows it as large as it is. */
  async settle(frame, turn) {
    try {
      const known = await this.frames.find(frame.id);
      if (turn !== this.turn) return;
      if (!known) return this.expired(frame);
      this.current = known;
      const jpeg = await this.frames.picture(known);
      if (turn === this.turn) this.shown(known, jpeg);
    } catch (error) {
      this.failed(error, frame, turn);
    }
  }

  /** While a hand moves: the frame nearest to an instant, small. @param {number} ms */
  scrub(ms) {
    if (this.mode !== "still") this.begin("still");
    this.turn += 1;
    this.stage.note("");
    this.scrubber.want(ms);
  }

  /** The frame nearest to an instant. @param {number} ms */
  async seek(ms) {
    const turn = this.begin("still");
    try {
      const { frame, jpeg } = await this.near(ms, undefined, undefined);
      if (turn !== this.turn) return;
      this.shown(frame, jpeg);
      const known = await this.frames.find(frame.id);
      if (turn !== this.turn || !known) return;
      this.current = known;
      this.changed();
    } catch (error) {
      this.failed(error, null, turn);
    }
  }

  /** @param {number} ms @param {number | undefined} height @param {AbortSignal | undefined} signal */
  async near(ms, height, signal) {
    const response = await ask(ofCamera(this.camera, "at.jpg", { t: toNanos(ms), height }), { signal });
    const key = response.headers.get("x-frame-key") ?? "";
    return { frame: frameRef(key), jpeg: await response.blob() };
  }

  /** The frame under an id. @param {string} id */
  async open(id) {
    const turn = this.begin("still");
    const frame = frameRef(`${this.family()}:${this.camera}:${id.replace("-", ":")}`);
    this.current = frame;
    this.changed();
    await this.settle(frame, turn);
  }

  /** The living frame nearest to the one that has expired. */
  async nearest() {
    if (this.current) await this.seek(this.current.ms);
  }

  /** @param {-1 | 1} end the oldest or the newest */
  async toEnd(end) {
    const turn = this.begin("still");
    try {
      const frame = await this.frames.end(end);
      if (turn !== this.turn) return;
      if (!frame) return this.stage.note("No frame of this camera lives.");
      this.frames.forgetRun();
      await this.put(frame, turn);
    } catch (error) {
      this.failed(error, null, turn);
    }
  }

  /** One frame on; presses that come faster than pictures wait for their turn. @param {-1 | 1} way */
  step(way) {
    if (this.waiting > 5) return;
    this.waiting += 1;
    this.steps = this.steps.then(() => this.stepNow(way)).finally(() => { this.waiting -= 1; });
  }

  /** @param {-1 | 1} way */
  async stepNow(way) {
    const from = this.current;
    if (!from) return;
    const turn = this.begin("still");
    try {
      const [next] = await this.frames.beside(from, way, NEIGHBOURS);
      if (turn !== this.turn) return;
      if (next) await this.put(next, turn);
      else this.stage.note(way > 0 ? "This is the newest frame." : "This is the oldest frame that lives.");
    } catch (error) {
      this.failed(error, from, turn);
    }
  }

  /** @param {import("./frames.js").FrameRef} frame @param {number} turn */
  async put(frame, turn) {
    try {
      const jpeg = await this.frames.picture(frame);
      if (turn === this.turn) this.shown(frame, jpeg);
    } catch (error) {
      if (turn === this.turn) this.current = frame;
      this.failed(error, frame, turn);
    }
  }

  /** Plays on from what is shown, at the recorded pace times the speed. */
  async play() {
    if (!this.current) return;
    const turn = this.begin("play");
    const pace = new Pace(this.frames, this.current);
    try {
      const mine = () => turn === this.turn;
      const end = await pace.run(mine, () => this.speed, (frame, jpeg) => this.shown(frame, jpeg));
      if (!mine()) return;
      if (end === "now") return this.live();
      this.begin("still");
      this.stage.note("The frames end here.");
    } catch (error) {
      this.failed(error, null, turn);
      if (turn === this.turn) this.mode = "still";
      this.changed();
    }
  }

  /** @param {import("./frames.js").FrameRef} frame */
  expired(frame) {
    this.frames.forgetRun();
    this.current = frame;
    this.stage.note("This frame has expired.", true);
    this.changed();
  }

  /** @param {unknown} error @param {import("./frames.js").FrameRef | null} frame @param {number} turn */
  failed(error, frame, turn) {
    if (turn !== this.turn) return;
    if (error instanceof Problem && error.status === 404 && frame) return this.expired(frame);
    this.stage.note(error instanceof Error ? `${error.message}.` : String(error));
  }
}
