// Who keeps how much: a row for each tenant, with the frames of the last minutes as a small line.

import { Problem, address, json } from "./api.js";
import { el, setText } from "./dom.js";
import { count, fullTime, serverNow, size, span, toMs } from "./time.js";

const EVERY = 5000;
const MINUTES = 10;
const STEP = "10s";

/** @returns {import("./app.js").View} */
export function tenants() {
  const view = new Tenants();
  return { element: view.element, title: "Tenants", close: () => view.close() };
}

class Tenants {
  constructor() {
    /** @type {Map<string, {row: HTMLElement, cells: Record<string, any>}>} */
    this.rows = new Map();
    this.note = el("p", { class: "note", role: "status", data: { testid: "tenants-note" }, text: "Asking …" });
    this.body = el("tbody");
    const heads = ["Tenant", "Cameras", "Frames", "Bytes", "Frames/s", `Last ${MINUTES} min`, "Oldest", "Newest"];
    this.table = el("table", { hidden: true, data: { testid: "tenants" } },
      el("caption", { class: "sr", text: "Tenants" }),
      el("thead", {}, el("tr", {}, ...heads.map((text) => el("th", { scope: "col", text })))), this.body);
    this.element = el("section", { "aria-label": "Tenants" }, el("h1", { text: "Tenants" }), this.note,
      el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table of tenants" }, this.table));
    this.stopped = false;
    this.look = () => this.refresh();
    window.addEventListener("look", this.look);
    document.addEventListener("visibilitychange", this.look);
    void this.refresh();
  }

  close() {
    this.stopped = true;
    clearTimeout(this.timer);
    window.removeEventListener("look", this.look);
    document.removeEventListener("visibilitychange", this.look);
  }

  async refresh() {
    clearTimeout(this.timer);
    if (document.hidden || this.stopped) return;
    try {
      const { tenants: all } = await json(address("tenants", { tenant: "*", prefix: "*" }));
      if (this.stopped) return;
      this.show(all);
      await Promise.all(all.map((one) => this.spark(one)));
    } catch (error) {
      setText(this.note, `The tenants are not known: ${error instanceof Problem ? error.message : error}.`);
      this.note.hidden = false;
    }
    clearTimeout(this.timer);
    if (!this.stopped) this.timer = window.setTimeout(() => this.refresh(), EVERY);
  }

  /** @param {any[]} all */
  show(all) {
    this.table.hidden = all.length === 0;
    this.note.hidden = all.length > 0;
    setText(this.note, "No tenant has live frames.");
    const names = new Set(all.map(({ tenant }) => tenant));
    for (const [name, { row }] of this.rows) {
      if (names.has(name)) continue;
      row.remove();
      this.rows.delete(name);
    }
    for (const one of all) this.fill(one);
  }

  /** @param {any} one */
  fill(one) {
    let known = this.rows.get(one.tenant);
    if (!known) {
      known = newRow(one.tenant);
      this.rows.set(one.tenant, known);
      this.body.append(known.row);
    }
    const { cells } = known;
    const cameras = Array.isArray(one.cameras) ? one.cameras.length : one.cameras;
    setText(cells.prefixes, one.prefixes.join(", "));
    cells.link.href = `#/wall?${new URLSearchParams({ tenant: one.tenant, prefix: one.prefixes[0] ?? "" })}`;
    setText(cells.cameras, count(cameras));
    setText(cells.frames, count(one.frames));
    setText(cells.bytes, size(one.bytes));
    setText(cells.rate, one.rate_fps.toFixed(1));
    showAge(cells.oldest, one.oldest);
    showAge(cells.newest, one.newest);
  }

  /** @param {any} one */
  async spark(one) {
    const sums = [];
    for (const prefix of one.prefixes) {
      const { steps } = await json(address("timeline", { tenant: one.tenant, prefix, from: `-${MINUTES}m`, step: STEP }));
      steps.forEach(({ frames }, at) => { sums[at] = (sums[at] ?? 0) + frames; });
    }
    const known = this.rows.get(one.tenant);
    if (known && !this.stopped) drawSpark(known.cells.spark, sums.slice(0, -1));
  }
}

/** @param {string} tenant */
function newRow(tenant) {
  const cells = {};
  const cell = (name, tag = "td") => (cells[name] = el(tag, { data: { testid: name } }));
  cells.prefixes = el("span", { class: "muted" });
  cells.spark = el("canvas", { class: "spark", role: "img", data: { testid: "spark" } });
  cells.link = el("a", { text: tenant });
  const row = el("tr", { data: { testid: "tenant", tenant } },
    el("th", { scope: "row" }, cells.link, el("br"), cells.prefixes), cell("cameras"), cell("frames"), cell("bytes"), cell("rate"),
    el("td", {}, cells.spark), cell("oldest"), cell("newest"));
  return { row, cells };
}

/** @param {HTMLElement} cell @param {string | null} nanos */
function showAge(cell, nanos) {
  const ms = nanos === null ? null : toMs(nanos);
  setText(cell, ms === null ? "–" : `${span(Math.max(0, serverNow() - ms))} ago`);
  cell.title = ms === null ? "" : fullTime(ms);
}

/** @param {HTMLCanvasElement} canvas @param {number[]} sums frames by step */
function drawSpark(canvas, sums) {
  const context = canvas.getContext("2d");
  if (!context || sums.length < 2) return;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = width * devicePixelRatio;
  canvas.height = height * devicePixelRatio;
  context.scale(devicePixelRatio, devicePixelRatio);
  const most = Math.max(1, ...sums);
  const style = getComputedStyle(canvas);
  context.strokeStyle = style.getPropertyValue("--accent").trim();
  context.lineWidth = 1.5;
  context.beginPath();
  sums.forEach((sum, at) => context.lineTo((at / (sums.length - 1)) * width, height - 2 - (sum / most) * (height - 4)));
  context.stroke();
  canvas.setAttribute("aria-label", `Frames in each ${STEP}: ${Math.min(...sums)} to ${most}`);
  canvas.dataset.most = String(most);
}
