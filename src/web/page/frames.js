// The frames of a camera by key: who follows whom, and their pictures. Keeps a run of neighbours and the
// pictures that were read last, so that stepping and playing rarely wait.

import { ask, json, ofCamera } from "./api.js";
import { toMs } from "./time.js";

/** Pictures kept: so many, and so many bytes. */
const KEPT = 48;
const KEPT_BYTES = 48e6;

/**
 * @typedef {object} FrameRef
 * @property {string} id `<unix nanos>-<seq>`, as in the frame's address
 * @property {string} key
 * @property {string} nanos
 * @property {number} ms
 * @property {number | null} expires ms; null when it is not known or never
 * @property {number | null} size bytes
 */

/** @param {string} key @param {string | null} [expires] nanos @param {number | null} [size] @returns {FrameRef} */
export function frameRef(key, expires = null, size = null) {
  const [, , , nanos, ...suffix] = key.split(":");
  const id = [nanos, ...suffix].join("-");
  return { id, key, nanos, ms: toMs(nanos), expires: expires === null ? null : toMs(expires), size };
}

export class Frames {
  /** @param {string} camera */
  constructor(camera) {
    this.camera = camera;
    /** A run of neighbours, oldest first. @type {FrameRef[]} */
    this.run = [];
    /** @type {Map<string, Promise<Blob>>} */
    this.pictures = new Map();
    /** @type {Map<string, number>} */
    this.sizes = new Map();
  }

  /**
   * Those in a half-open window of nanoseconds, oldest first.
   * @param {object} query from, to, limit, reverse
   * @returns {Promise<FrameRef[]>}
   */
  async list(query) {
    const answer = await json(ofCamera(this.camera, "frames", query));
    const frames = answer.frames.map(({ key, expires_at, size }) => frameRef(key, expires_at, size));
    return query.reverse ? frames.reverse() : frames;
  }

  /** The oldest or newest that lives. @param {-1 | 1} end @returns {Promise<FrameRef | null>} */
  async end(end) {
    const [frame] = await this.list({ limit: 1, ...(end > 0 ? { reverse: "true" } : {}) });
    return frame ?? null;
  }

  /** The frame under an id with what is known of it; null when it lives no more. @param {string} id */
  async find(id) {
    const nanos = BigInt(id.split("-")[0]);
    const found = await this.list({ from: String(nanos), to: String(nanos + 1n) });
    return found.find((frame) => frame.id === id) ?? null;
  }

  /**
   * Up to `limit` frames next to `frame`, in the order of the way.
   * @param {FrameRef} frame @param {-1 | 1} way @param {number} limit
   * @returns {Promise<FrameRef[]>}
   */
  async beside(frame, way, limit) {
    let known = this.known(frame, way);
    if (known.length === 0) {
      await this.fetchRun(frame, way, limit);
      known = this.known(frame, way);
    }
    return way > 0 ? known : known.reverse();
  }

  /** @param {FrameRef} frame @param {-1 | 1} way */
  known(frame, way) {
    const at = this.run.findIndex(({ id }) => id === frame.id);
    if (at < 0) return [];
    return way > 0 ? this.run.slice(at + 1) : this.run.slice(0, at);
  }

  /** @param {FrameRef} frame @param {-1 | 1} way @param {number} limit */
  async fetchRun(frame, way, limit) {
    const nanos = BigInt(frame.nanos);
    const query = way > 0 ? { from: frame.nanos } : { to: String(nanos + 1n), reverse: "true" };
    const found = await this.list({ ...query, limit: limit + 1 });
    const others = found.filter(({ id, nanos: at }) => id !== frame.id && (way > 0 ? BigInt(at) >= nanos : BigInt(at) <= nanos));
    this.run = way > 0 ? [frame, ...others] : [...others, frame];
  }

  /** Forgets who follows whom, because frames have expired. */
  forgetRun() {
    this.run = [];
  }

  /** The picture; rejects with a Problem of status 404 when the frame has expired. @param {FrameRef} frame @returns {Promise<Blob>} */
  picture(frame) {
    const known = this.pictures.get(frame.id);
    if (known) {
      this.pictures.delete(frame.id);
      this.pictures.set(frame.id, known);
      return known;
    }
    const asked = this.read(frame);
    this.pictures.set(frame.id, asked);
    asked.catch(() => this.pictures.delete(frame.id));
    return asked;
  }

  /** @param {FrameRef} frame */
  async read(frame) {
    const blob = await (await ask(this.address(frame))).blob();
    this.sizes.set(frame.id, blob.size);
    this.trim();
    return blob;
  }

  trim() {
    let bytes = [...this.pictures.keys()].reduce((sum, id) => sum + (this.sizes.get(id) ?? 0), 0);
    for (const id of [...this.pictures.keys()]) {
      if (this.pictures.size <= KEPT && bytes <= KEPT_BYTES) break;
      bytes -= this.sizes.get(id) ?? 0;
      this.pictures.delete(id);
      this.sizes.delete(id);
    }
  }

  /** @param {FrameRef} frame */
  address(frame) {
    return ofCamera(this.camera, `frames/${frame.id}.jpg`);
  }
}
