// What the whole page knows: the server's status, its cameras, its clock. Asked again every few
// seconds while the page is visible; whoever shows a part of it listens to `change`.

import { Problem, address, family, json } from "./api.js";
import { serverNow, setClockOffset, toMs } from "./time.js";

const EVERY = 3000;

/**
 * @typedef {object} Camera
 * @property {string} camera its id
 * @property {string} name what people call it
 * @property {string} state starting, active, inactive, finished, push, paused, or "" when not known
 * @property {string | null} lastError
 * @property {number | null} lastFrame ms
 * @property {number} rate frames a second
 * @property {any} [row] its row of the status
 */

class State extends EventTarget {
  constructor() {
    super();
    /** @type {any} */
    this.status = null;
    /** @type {Map<string, Camera>} */
    this.cameras = new Map();
    /** Why the status is not known. */
    this.problem = "";
    /** When the server was last asked, by its clock, in ms. */
    this.at = 0;
    this.loaded = false;
    this.timer = 0;
    this.round = 0;
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh());
  }

  /** Starts anew: another family or another person. */
  reset() {
    this.status = null;
    this.cameras = new Map();
    this.loaded = false;
    this.refresh();
  }

  /**
   * How old a camera's frame is that the status told of: as old as it was when it was asked, because there
   * may be newer ones since; while the server is away, as old as it is now.
   * @param {number} ms
   */
  ageOf(ms) {
    return Math.max(0, (this.problem ? serverNow() : this.at) - ms);
  }

  stop() {
    clearTimeout(this.timer);
    this.round += 1;
  }

  /** Asks at once, then every few seconds. */
  async refresh() {
    clearTimeout(this.timer);
    this.round += 1;
    const { round } = this;
    const before = Date.now();
    const [status, listed] = await Promise.allSettled([json(address("status")), json(address("cameras"))]);
    if (round !== this.round) return;
    if (status.status === "fulfilled") {
      setClockOffset(toMs(status.value.now) - (before + Date.now()) / 2);
      this.status = status.value;
    }
    if (listed.status === "fulfilled" || status.status === "fulfilled") {
      this.cameras = merged(this.status, listed.status === "fulfilled" ? listed.value.cameras : []);
      this.loaded = true;
      this.at = serverNow();
    }
    this.problem = [status, listed].map(reason).find(Boolean) ?? "";
    this.dispatchEvent(new Event("change"));
    if (!document.hidden) this.timer = window.setTimeout(() => this.refresh(), EVERY);
  }
}

/** @param {PromiseSettledResult<any>} settled */
function reason(settled) {
  if (settled.status === "fulfilled") return "";
  return settled.reason instanceof Problem ? settled.reason.message : String(settled.reason);
}

/** Every camera that is configured, was pushed to, or has frames. @returns {Map<string, Camera>} */
function merged(status, listed) {
  /** @type {Map<string, Camera>} */
  const cameras = new Map();
  const { tenant, prefix } = { ...status, ...family };
  for (const row of (status?.cameras ?? []).filter((one) => one.tenant === tenant && one.prefix === prefix)) {
    cameras.set(row.camera, {
      camera: row.camera,
      name: row.name || row.camera,
      state: row.paused ? "paused" : row.state,
      lastError: row.last_error ?? null,
      lastFrame: row.last_frame ? toMs(row.last_frame) : null,
      rate: row.rate_fps ?? 0,
      row,
    });
  }
  for (const { stream, newest, last_seen } of listed) {
    const known = cameras.get(stream.camera);
    const seen = newest ? toMs(newest.key.split(":")[3]) : last_seen ? toMs(last_seen) : null;
    if (known) known.lastFrame = Math.max(known.lastFrame ?? 0, seen ?? 0) || null;
    else cameras.set(stream.camera, unknown(stream.camera, seen));
  }
  return new Map([...cameras].sort(([one], [two]) => one.localeCompare(two, "en", { numeric: true })));
}

/** @returns {Camera} */
function unknown(camera, lastFrame) {
  return { camera, name: camera, state: "", lastError: null, lastFrame, rate: 0 };
}

export const state = new State();

/** How each state of a camera looks: a sign, a word, never a colour alone. */
export const LOOKS = {
  live: { sign: "●", word: "live" },
  stale: { sign: "▲", word: "stale" },
  down: { sign: "✕", word: "down" },
  paused: { sign: "‖", word: "paused" },
  ended: { sign: "■", word: "ended" },
  waiting: { sign: "○", word: "no frames" },
};

/** The least age at which a camera is called stale, in ms. */
const STALE = 2000;
/** What is taken for the usual interval while it is not known, in ms. */
const UNKNOWN_INTERVAL = 4000;

/**
 * How a camera is doing.
 * @param {string} known its state by the status
 * @param {number | null} age of its newest frame in ms; null without one
 * @param {number | null} usual its usual interval in ms
 * @returns {keyof typeof LOOKS}
 */
export function judge(known, age, usual) {
  if (known === "paused") return "paused";
  if (known === "inactive") return "down";
  if (known === "finished") return "ended";
  if (age === null) return "waiting";
  return age > Math.max(STALE, 3 * (usual ?? UNKNOWN_INTERVAL)) ? "stale" : "live";
}
