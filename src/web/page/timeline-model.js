// The arithmetic of the timeline, without a canvas: instants to pixels and back, round steps, what an
// answer of the API means. Times are ms.

import { address, json } from "./api.js";
import { serverNow, toMs, toNanos } from "./time.js";

/** Round lengths of time, in ms. */
const ROUND = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 900e3,
  1800e3, 3600e3, 7200e3, 14_400e3, 21_600e3, 43_200e3, 86_400e3, 172_800e3, 604_800e3,
];

/** The closest and the widest view. */
const NARROWEST = 200;
const WIDEST = 30 * 86_400e3;

/** The smallest round length that is at least `ms`. @param {number} ms */
export function roundUp(ms) {
  return ROUND.find((one) => one >= ms) ?? Math.ceil(ms / 604_800e3) * 604_800e3;
}

/** @typedef {{from: number, to: number}} Window */

/** @param {Window} view @param {number} width @param {number} ms @returns {number} pixels from the left */
export function toX(view, width, ms) {
  return ((ms - view.from) / (view.to - view.from)) * width;
}

/** @param {Window} view @param {number} width @param {number} x */
export function fromX(view, width, x) {
  return view.from + (x / width) * (view.to - view.from);
}

/**
 * `view` made `factor` times as long, with the instant `around` where it is on the screen.
 * @param {Window} view @param {number} factor @param {number} around
 * @returns {Window}
 */
export function zoomed(view, factor, around) {
  const length = view.to - view.from;
  const next = Math.min(WIDEST, Math.max(NARROWEST, length * factor));
  const share = (around - view.from) / length;
  return { from: around - share * next, to: around + (1 - share) * next };
}

/**
 * @typedef {object} Step
 * @property {number} at
 * @property {number} frames
 * @property {number} bytes
 * @property {number | null} expires when the first of its frames goes, if that is known
 *
 * @typedef {object} Density
 * @property {Window} window
 * @property {number} step
 * @property {Step[]} steps
 * @property {Window[]} gaps spans without a frame between frames
 * @property {number[]} lives the lifetimes that were seen, in ms
 */

/**
 * What lies in a window, in steps of about three pixels.
 * @param {string} camera @param {Window} window @param {number} step @param {AbortSignal} [signal]
 * @returns {Promise<Density>}
 */
export async function loadDensity(camera, window, step, signal) {
  const aligned = { from: Math.floor(window.from / step) * step, to: Math.ceil(window.to / step) * step };
  const query = { camera, from: toNanos(aligned.from), to: toNanos(aligned.to), step: `${step}ms` };
  return density(await json(address("timeline", query), { signal }), aligned, step);
}

/** @param {any} answer @param {Window} window @param {number} step @returns {Density} */
export function density(answer, window, step) {
  const steps = answer.steps.map(({ from, frames, bytes, expires_before: expires }) =>
    ({ at: toMs(from), frames, bytes, expires: expires ? toMs(expires) : null }));
  const gaps = answer.gaps ? answer.gaps.map(({ from, to }) => ({ from: toMs(from), to: toMs(to) })) : emptyRuns(steps, step);
  return { window, step, steps, gaps, lives: livesOf(steps, step) };
}

/** Runs of empty steps between frames, where frames are usually closer than a step. @param {Step[]} steps @param {number} step */
function emptyRuns(steps, step) {
  const runs = [];
  let last = -1;
  steps.forEach(({ frames }, index) => {
    if (frames === 0) return;
    if (last >= 0 && index - last > 1) runs.push({ from: steps[last].at + step, to: steps[index].at });
    last = index;
  });
  const filled = steps.filter(({ frames }) => frames > 0).length;
  return runs.length > filled / 2 ? [] : runs;
}

/** Different lifetimes, told apart by a fifth. @param {Step[]} steps @param {number} step */
function livesOf(steps, step) {
  /** @type {number[]} */
  const lives = [];
  for (const { at, expires } of steps) {
    if (expires === null) continue;
    const life = expires - at - step / 2;
    if (life > 0 && !lives.some((one) => Math.abs(one - life) < Math.max(one / 5, 2 * step))) lives.push(life);
  }
  return lives;
}

/** How long before a frame goes it counts as about to expire: a twentieth of its life, 2 s to 1 min. @param {number} life ms */
export function notice(life) {
  return Math.min(60e3, Math.max(2e3, life / 20));
}

/** The instants behind which frames are about to expire, one for each lifetime. @param {Density} density */
export function horizons({ lives }) {
  return lives.map((life) => serverNow() - life + notice(life));
}

/**
 * How much lies in `range`, exactly.
 * @param {string} camera @param {Window} range @param {AbortSignal} [signal]
 * @returns {Promise<{frames: number, bytes: number}>}
 */
export async function loadSum(camera, range, signal) {
  const step = `${roundUp((range.to - range.from) / 100)}ms`;
  const answer = await json(address("timeline", { camera, from: toNanos(range.from), to: toNanos(range.to), step }), { signal });
  const sum = (name) => answer.steps.reduce((all, one) => all + one[name], 0);
  return { frames: sum("frames"), bytes: sum("bytes") };
}
