// Drawing the timeline: ruler, density, hatched gaps, the lines behind which frames are about to expire,
// now, the marked range, and what is shown. Colours come from the style sheet.

import { fullTime, isUtc, serverNow, tickLabel } from "./time.js";
import { horizons, roundUp, toX } from "./timeline-model.js";

/** Height of the ruler, where the shown instant is dragged, in CSS pixels. */
export const RULER = 26;

/**
 * @typedef {object} Scene
 * @property {import("./timeline-model.js").Window} view
 * @property {import("./timeline-model.js").Density | null} density
 * @property {import("./timeline-model.js").Window | null} range
 * @property {number | null} shown
 * @property {number | null} hover
 */

/** @param {HTMLCanvasElement} canvas @param {Scene} scene */
export function draw(canvas, scene) {
  const context = canvas.getContext("2d");
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (!context || width === 0) return;
  const ratio = devicePixelRatio;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const brush = { context, width, height, scene, colour: colours(canvas), x: (ms) => toX(scene.view, width, ms) };
  if (scene.density) {
    drawGaps(brush, scene.density);
    drawDensity(brush, scene.density);
    drawHorizons(brush, scene.density);
  }
  drawRuler(brush);
  drawRange(brush);
  drawNow(brush);
  drawShown(brush);
}

/** @param {HTMLElement} element */
function colours(element) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  return { text: read("muted"), line: read("line"), bar: read("accent"), old: read("warn"), now: read("good"), mark: read("mark"), shown: read("text"), plate: read("plate") };
}

function drawRuler({ context, width, scene: { view }, colour, x }) {
  const step = roundUp(((view.to - view.from) / width) * 84);
  const shift = isUtc() ? 0 : new Date(view.from).getTimezoneOffset() * 60_000;
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  context.fillStyle = colour.plate;
  context.fillRect(0, 0, width, RULER);
  for (let at = Math.floor((view.from - shift) / step) * step + shift; at < view.to; at += step) {
    const left = Math.round(x(at)) + 0.5;
    context.fillStyle = colour.line;
    context.fillRect(left, RULER - 5, 1, 5);
    context.fillStyle = colour.text;
    context.fillText(tickLabel(at, step), left + 4, RULER / 2);
  }
  context.fillStyle = colour.line;
  context.fillRect(0, RULER - 1, width, 1);
}

function drawDensity({ context, width, height, colour, x }, { steps, step }) {
  const most = Math.max(1, ...steps.map(({ frames }) => frames));
  const room = height - RULER - 6;
  context.fillStyle = colour.bar;
  for (const { at, frames } of steps) {
    const left = x(at);
    const right = x(at + step);
    if (frames === 0 || right < 0 || left > width) continue;
    const tall = Math.max(2, (frames / most) * room);
    context.fillRect(left, height - tall, Math.max(1, right - left - (right - left > 4 ? 1 : 0)), tall);
  }
}

function drawGaps({ context, height, width, colour, x }, { gaps }) {
  for (const gap of gaps) {
    const left = Math.max(0, x(gap.from));
    const right = Math.min(width, x(gap.to));
    if (right - left < 2) continue;
    context.save();
    context.beginPath();
    context.rect(left, RULER, right - left, height - RULER);
    context.clip();
    context.strokeStyle = colour.line;
    context.beginPath();
    for (let at = left - height; at < right; at += 7) {
      context.moveTo(at, height);
      context.lineTo(at + height - RULER, RULER);
    }
    context.stroke();
    context.restore();
  }
}

function drawHorizons({ context, height, width, colour, x }, density) {
  context.save();
  for (const at of horizons(density)) {
    const left = x(at);
    if (left < 0 || left > width) continue;
    context.strokeStyle = colour.old;
    context.setLineDash([4, 3]);
    context.beginPath();
    context.moveTo(left, RULER);
    context.lineTo(left, height);
    context.stroke();
    context.fillStyle = colour.old;
    context.font = "10px system-ui, sans-serif";
    context.textBaseline = "top";
    context.textAlign = left > 90 ? "right" : "left";
    context.fillText(left > 90 ? "expiring soon ◂" : "◂ expiring soon", left + (left > 90 ? -5 : 5), RULER + 3);
  }
  context.restore();
}

function drawNow({ context, height, width, colour, x }) {
  const left = x(serverNow());
  if (left < 0 || left > width) return;
  context.fillStyle = colour.now;
  context.fillRect(left, RULER, 1.5, height - RULER);
  context.font = "10px system-ui, sans-serif";
  context.textBaseline = "top";
  context.textAlign = left > width - 30 ? "right" : "left";
  context.fillText("now", left + (left > width - 30 ? -4 : 4), RULER + 3);
  context.textAlign = "left";
}

function drawRange({ context, height, scene: { range }, colour, x }) {
  if (!range) return;
  context.save();
  context.globalAlpha = 0.22;
  context.fillStyle = colour.mark;
  context.fillRect(x(range.from), RULER, x(range.to) - x(range.from), height - RULER);
  context.restore();
}

function drawShown({ context, height, width, scene: { shown, hover }, colour, x }) {
  if (hover !== null) {
    context.fillStyle = colour.line;
    context.fillRect(x(hover), RULER, 1, height - RULER);
  }
  if (shown === null) return;
  const left = x(shown);
  if (left < -8 || left > width + 8) return;
  context.fillStyle = colour.shown;
  context.fillRect(left - 0.75, 6, 1.5, height - 6);
  context.beginPath();
  context.moveTo(left - 7, 0);
  context.lineTo(left + 7, 0);
  context.lineTo(left + 7, 8);
  context.lineTo(left, 16);
  context.lineTo(left - 7, 8);
  context.fill();
}

/** What a screen reader is told of the shown instant. @param {number | null} shown @param {boolean} live */
export function spokenTime(shown, live) {
  if (shown === null) return "no frame is shown";
  return live ? `${fullTime(shown)}, live` : fullTime(shown);
}
