// Tables whose rows stay the same elements while their content changes: what a hand is about to press, a
// screen reader reads or a keyboard stands on is not taken away by the next answer of the server.

import { el } from "./dom.js";

/**
 * @template T
 * @typedef {object} Row
 * @property {HTMLElement} element
 * @property {(record: T) => void} show
 */

/** @template T */
export class Records {
  /**
   * @param {string} label @param {string} testid @param {string[]} heads
   * @param {(record: T) => string} keyOf @param {(record: T) => Row<T>} make
   */
  constructor(label, testid, heads, keyOf, make) {
    this.keyOf = keyOf;
    this.make = make;
    /** @type {Map<string, Row<T>>} */
    this.rows = new Map();
    this.body = el("tbody");
    const table = el("table", { data: { testid } }, el("caption", { class: "sr", text: label }),
      el("thead", {}, el("tr", {}, ...heads.map((text) => el("th", { scope: "col", text })))), this.body);
    this.element = el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": `Table of ${label.toLowerCase()}`, hidden: true }, table);
  }

  /** @param {T[]} records in the order in which they stand */
  show(records) {
    this.element.hidden = records.length === 0;
    const keys = new Set(records.map(this.keyOf));
    for (const [key, row] of this.rows) {
      if (keys.has(key)) continue;
      row.element.remove();
      this.rows.delete(key);
    }
    records.forEach((record, at) => {
      const key = this.keyOf(record);
      const row = this.rows.get(key) ?? this.make(record);
      this.rows.set(key, row);
      if (this.body.children[at] !== row.element) this.body.insertBefore(row.element, this.body.children[at] ?? null);
      row.show(record);
    });
  }
}

/** Asks again and again while the page is seen. */
export class Poll {
  /** @param {() => Promise<void>} ask @param {number} every ms */
  constructor(ask, every) {
    this.ask = ask;
    this.every = every;
    this.stopped = false;
    this.round = 0;
    this.look = () => this.now();
    document.addEventListener("visibilitychange", this.look);
    window.addEventListener("look", this.look);
    void this.now();
  }

  /** Asks at once; resolves when the answer is shown. */
  async now() {
    clearTimeout(this.timer);
    if (this.stopped || document.hidden) return;
    this.round += 1;
    const { round } = this;
    await this.ask();
    if (round === this.round && !this.stopped) this.timer = window.setTimeout(() => this.now(), this.every);
  }

  close() {
    this.stopped = true;
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.look);
    window.removeEventListener("look", this.look);
  }
}

/**
 * A button for what cannot be taken back: the first press asks, a second one within five seconds does it.
 * @param {string} text @param {string} sure @param {string} testid @param {() => void} run
 */
export function twice(text, sure, testid, run) {
  let timer = 0;
  const calm = () => {
    clearTimeout(timer);
    timer = 0;
    element.textContent = text;
    element.classList.remove("danger");
  };
  const press = () => {
    if (timer) {
      calm();
      run();
      return;
    }
    timer = window.setTimeout(calm, 5000);
    element.textContent = sure;
    element.classList.add("danger");
  };
  const element = el("button", { type: "button", text, data: { testid }, on: { click: press } });
  return element;
}

/** Name and value in a form. @param {string} text @param {HTMLElement} input */
export function field(text, input) {
  return el("label", { class: "field" }, el("span", { class: "muted", text }), input);
}
