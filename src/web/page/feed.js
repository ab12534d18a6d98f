// The one WebSocket of the page. All pictures of all views come over it, because a browser opens six
// connections to a server and no more. A view says what it shows; the newest frame wins at the server
// and here. While the page is not visible nothing is asked for. A lost connection is tried again
// with growing pauses, and the page says so.

import { socketAddress } from "./api.js";

/** Bytes in front of each picture. */
const HEADER = 20;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;

/**
 * @typedef {object} Picture
 * @property {bigint} nanos when it was taken
 * @property {number} seq its sequence number, 0 when it has none
 * @property {number} skipped frames of the camera since the last picture that were not sent
 * @property {Blob} jpeg
 *
 * @typedef {object} Wish
 * @property {string} camera
 * @property {number} [fps] at most so many a second
 * @property {number} [height] of the picture in pixels
 * @property {(picture: Picture) => void} draw
 */

class Feed extends EventTarget {
  constructor() {
    super();
    /** @type {Wish[]} */
    this.wishes = [];
    /** @type {Map<string, number>} */
    this.ids = new Map();
    /** @type {Map<number, Wish>} */
    this.byId = new Map();
    /** @type {"off" | "connecting" | "open" | "waiting"} */
    this.state = "off";
    this.pause = FIRST_PAUSE;
    this.timer = 0;
    this.sent = "";
    /** @type {WebSocket | null} */
    this.socket = null;
    document.addEventListener("visibilitychange", () => this.tell());
    window.addEventListener("online", () => this.state === "waiting" && this.connect());
  }

  /** What is to be shown from now on; replaces what was. @param {Wish[]} wishes */
  show(wishes) {
    this.wishes = wishes;
    this.byId = new Map(wishes.map((wish) => [this.id(wish.camera), wish]));
    if (this.state === "off" && wishes.length > 0) this.connect();
    this.tell();
  }

  /** Ends the connection, for another family or another person. */
  close() {
    clearTimeout(this.timer);
    this.wishes = [];
    this.byId.clear();
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.become("off");
  }

  /** A camera keeps its number, so that a late picture never goes to another one. */
  id(camera) {
    let id = this.ids.get(camera);
    if (id === undefined) {
      id = (this.ids.size + 1) % 0x1_0000;
      this.ids.set(camera, id);
    }
    return id;
  }

  connect() {
    clearTimeout(this.timer);
    this.become("connecting");
    const socket = new WebSocket(socketAddress());
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.sent = "";
    socket.onopen = () => {
      this.pause = FIRST_PAUSE;
      this.become("open");
      this.tell();
    };
    socket.onmessage = (message) => this.take(message.data);
    socket.onclose = () => this.socket === socket && this.wait();
  }

  wait() {
    this.socket = null;
    this.retryAt = Date.now() + this.pause;
    this.timer = window.setTimeout(() => this.connect(), this.pause * (0.75 + Math.random() / 4));
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
    this.become("waiting");
  }

  /** @param {Feed["state"]} state */
  become(state) {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  /** Tells the server what is shown, if that changed. */
  tell() {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const shown = document.hidden ? [] : this.wishes;
    const subscribe = shown.map(({ camera, fps, height }) => ({ id: this.id(camera), camera, fps, height }));
    const text = JSON.stringify({ subscribe });
    if (text === this.sent) return;
    this.sent = text;
    this.socket.send(text);
  }

  /** @param {ArrayBuffer | string} data */
  take(data) {
    if (typeof data === "string") {
      const said = JSON.parse(data);
      if (said.type === "error") console.warn(`live feed: ${said.detail}`);
      return;
    }
    if (document.hidden) return;
    const view = new DataView(data);
    this.byId.get(view.getUint16(0))?.draw({
      nanos: view.getBigUint64(4),
      seq: view.getUint32(12),
      skipped: view.getUint32(16),
      jpeg: new Blob([new Uint8Array(data, HEADER)], { type: "image/jpeg" }),
    });
  }
}

export const feed = new Feed();
