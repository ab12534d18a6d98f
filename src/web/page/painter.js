// Pictures on a canvas: decoded off the main thread, one at a time, the newest next; and the few heights
// that viewers ask the server for.

/** Heights that are asked for: few, so that viewers share the pictures that the server makes. */
const HEIGHTS = [90, 120, 180, 240, 360, 480, 720, 1080];

/** @param {number} pixels @returns {number | undefined} undefined: as large as it is */
export function fittingHeight(pixels) {
  return HEIGHTS.find((height) => height >= pixels);
}

/**
 * Draws pictures into a canvas, the newest as soon as the last is decoded.
 */
export class Painter {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    /** @type {{jpeg: Blob, then: () => void} | null} */
    this.next = null;
    this.busy = false;
    this.drawn = 0;
  }

  /** @param {Blob} jpeg @param {() => void} [then] called once it is on the screen */
  paint(jpeg, then = () => {}) {
    this.next = { jpeg, then };
    if (!this.busy) void this.work();
  }

  /** Drops a picture that waits for its turn. */
  forget() {
    this.next = null;
  }

  async work() {
    this.busy = true;
    while (this.next) {
      const { jpeg, then } = this.next;
      this.next = null;
      try {
        const bitmap = await createImageBitmap(jpeg);
        if (this.canvas.width !== bitmap.width || this.canvas.height !== bitmap.height) {
          this.canvas.width = bitmap.width;
          this.canvas.height = bitmap.height;
        }
        this.context?.drawImage(bitmap, 0, 0);
        bitmap.close();
        this.drawn += 1;
        then();
      } catch (error) {
        console.warn(`a picture could not be decoded: ${error}`);
      }
    }
    this.busy = false;
  }
}
