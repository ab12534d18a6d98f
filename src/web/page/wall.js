// The wall: every camera at once, over the one socket. Tiles that are scrolled out of sight are not
// asked for; the others ask for pictures as large and as often as they can show.

import { button, el, say, setText } from "./dom.js";
import { feed } from "./feed.js";
import { fittingHeight } from "./painter.js";
import { pref, setPref } from "./prefs.js";
import { state } from "./state.js";
import { Tile } from "./tile.js";

/** Pictures a second that the whole wall asks for at most, and one tile. */
const WALL_FPS = 90;
const TILE_FPS = 15;
const TICK = 500;

/** @returns {import("./app.js").View} */
export function wall() {
  const view = new Wall();
  return { element: view.element, title: "Wall", close: () => view.close() };
}

class Wall {
  constructor() {
    /** @type {Map<string, Tile>} */
    this.tiles = new Map();
    this.build();
    this.watcher = new IntersectionObserver((seen) => this.see(seen), { rootMargin: "80px" });
    this.resized = new ResizeObserver(() => this.ask());
    this.resized.observe(this.grid);
    this.changed = () => this.update();
    state.addEventListener("change", this.changed);
    this.timer = window.setInterval(() => this.tick(), TICK);
    this.update();
  }

  build() {
    this.filter = el("input", {
      type: "search", placeholder: "Filter cameras", "aria-label": "Filter cameras",
      data: { testid: "filter" }, on: { input: () => this.sift() },
    });
    this.sum = el("span", { class: "muted", data: { testid: "wall-sum" } });
    this.size = el("output", { class: "muted columns-word" });
    const fewer = button("−", "columns-fewer", () => this.columns(-1), { "aria-label": "Fewer columns" });
    const more = button("+", "columns-more", () => this.columns(1), { "aria-label": "More columns" });
    this.grid = el("ul", { class: "wall", data: { testid: "wall" }, "aria-label": "Cameras" });
    this.none = el("p", { class: "note", data: { testid: "no-cameras" }, hidden: true });
    this.element = el("section", { "aria-label": "Wall of cameras" },
      el("div", { class: "tools" }, this.filter, this.sum,
        el("div", { class: "group", role: "group", "aria-label": "Columns" }, fewer, this.size, more)),
      this.none, this.grid);
    this.columns(0);
  }

  close() {
    clearInterval(this.timer);
    this.watcher.disconnect();
    this.resized.disconnect();
    state.removeEventListener("change", this.changed);
    feed.show([]);
  }

  /** @param {number} change 0 only shows what was chosen earlier */
  columns(change) {
    let chosen = Number(pref("columns", "0")) || 0;
    if (change !== 0) {
      const shown = getComputedStyle(this.grid).gridTemplateColumns.split(" ").length;
      chosen = Math.min(8, Math.max(0, (chosen || shown) + change));
      setPref("columns", String(chosen));
    }
    if (chosen > 0) this.grid.style.setProperty("--columns", `repeat(${chosen}, minmax(0, 1fr))`);
    else this.grid.style.removeProperty("--columns");
    setText(this.size, chosen > 0 ? `${chosen} columns` : "auto");
  }

  update() {
    for (const [id, info] of state.cameras) {
      let tile = this.tiles.get(id);
      if (!tile) {
        tile = new Tile(id, say);
        this.tiles.set(id, tile);
        this.watcher.observe(tile.element);
      }
      tile.learn(info);
    }
    for (const [id, tile] of this.tiles) {
      if (state.cameras.has(id) || !state.loaded) continue;
      this.watcher.unobserve(tile.element);
      tile.element.remove();
      this.tiles.delete(id);
    }
    this.sift();
  }

  /** Shows the tiles that the filter leaves, in the order of their ids. */
  sift() {
    const wanted = this.filter.value.trim().toLowerCase();
    let previous = null;
    for (const id of state.cameras.keys()) {
      const tile = this.tiles.get(id);
      if (!tile) continue;
      const text = `${id} ${tile.info?.name ?? ""} ${tile.element.dataset.state}`.toLowerCase();
      tile.element.hidden = wanted !== "" && !text.includes(wanted);
      const next = previous ? previous.nextSibling : this.grid.firstChild;
      if (next !== tile.element) this.grid.insertBefore(tile.element, next);
      previous = tile.element;
    }
    this.tick();
    this.explain(wanted);
  }

  /** @param {string} wanted */
  explain(wanted) {
    const shown = [...this.tiles.values()].filter((tile) => !tile.element.hidden).length;
    let said = "";
    if (!state.loaded) said = state.problem ? `The cameras are not known: ${state.problem}.` : "Asking for the cameras …";
    else if (this.tiles.size === 0) said = "No camera is configured and none has live frames. Add one in config.toml, or push a JPEG to /api/v1/cameras/NAME/frames.";
    else if (shown === 0) said = `No camera fits “${wanted}”.`;
    this.none.hidden = said === "";
    setText(this.none, said);
  }

  tick() {
    const counts = { all: 0, bad: 0 };
    for (const tile of this.tiles.values()) {
      tile.tick();
      counts.all += 1;
      if (["down", "stale"].includes(tile.element.dataset.state)) counts.bad += 1;
    }
    const bad = counts.bad > 0 ? `, ${counts.bad} stale or down` : "";
    setText(this.sum, `${counts.all} ${counts.all === 1 ? "camera" : "cameras"}${bad}`);
  }

  /** @param {IntersectionObserverEntry[]} seen */
  see(seen) {
    for (const { target, isIntersecting } of seen) {
      const tile = this.tiles.get(/** @type {HTMLElement} */ (target).dataset.camera ?? "");
      if (!tile) continue;
      tile.visible = isIntersecting;
      tile.element.dataset.shown = String(isIntersecting);
    }
    this.ask();
  }

  ask() {
    const shown = [...this.tiles.values()].filter((tile) => tile.visible && !tile.element.hidden);
    const fps = Math.max(1, Math.min(TILE_FPS, Math.floor(WALL_FPS / Math.max(1, shown.length))));
    feed.show(shown.slice(0, 256).map((tile) => ({
      camera: tile.camera,
      fps,
      height: fittingHeight(tile.canvas.clientHeight * devicePixelRatio),
      draw: (picture) => tile.take(picture),
    })));
  }
}
