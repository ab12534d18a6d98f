// Instants: strings of nanoseconds as the API speaks them, milliseconds as numbers where pixels are
// computed, text for people in their zone or UTC. A number holds a millisecond of today to about
// 0.2 microseconds; where a frame is meant exactly, its key is passed on as text.

import { pref } from "./prefs.js";

/** Server's clock minus this device's, in ms; set by the state. */
let offset = 0;

/** @param {number} ms server's clock minus this device's */
export function setClockOffset(ms) {
  offset = ms;
}

/** Now by the server's clock, in ms. */
export function serverNow() {
  return Date.now() + offset;
}

/** @param {string | bigint} nanos @returns {number} ms */
export function toMs(nanos) {
  return Number(BigInt(nanos) / 1000n) / 1000;
}

/** @param {number} ms @returns {string} nanoseconds */
export function toNanos(ms) {
  return String(BigInt(Math.round(ms * 1000)) * 1000n);
}

/** Whether times are shown in UTC. */
export function isUtc() {
  return pref("zone", "local") === "utc";
}

/** The name of the zone that is shown. */
export function zoneName() {
  return isUtc() ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone || "local";
}

const two = (number) => String(number).padStart(2, "0");

/** @param {number} ms */
function parts(ms) {
  const date = new Date(ms);
  const utc = isUtc();
  return {
    day: utc
      ? `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`
      : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`,
    hm: utc
      ? `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`
      : `${two(date.getHours())}:${two(date.getMinutes())}`,
    s: two(date.getUTCSeconds()),
    milli: String(date.getUTCMilliseconds()).padStart(3, "0"),
  };
}

/** `2026-03-10 14:02:10.500` in the chosen zone. @param {number} ms */
export function fullTime(ms) {
  const { day, hm, s, milli } = parts(ms);
  return `${day} ${hm}:${s}.${milli}`;
}

/** `14:02:10.500`. @param {number} ms */
export function clockTime(ms) {
  const { hm, s, milli } = parts(ms);
  return `${hm}:${s}.${milli}`;
}

/** The label of a tick: as fine as its distance to the next. @param {number} ms @param {number} step ms */
export function tickLabel(ms, step) {
  const { day, hm, s, milli } = parts(ms);
  if (step >= 86_400_000) return day;
  if (step >= 60_000) return hm;
  if (step >= 1000) return `${hm}:${s}`;
  return `${hm}:${s}.${step >= 100 ? milli[0] : milli}`;
}

/** RFC 3339 in UTC with ms, as the API and the command line take it. @param {number} ms */
export function rfc3339(ms) {
  return new Date(ms).toISOString();
}

/** A length of time in the largest fitting unit: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`. @param {number} ms */
export function span(ms) {
  const s = Math.abs(ms) / 1000;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.round(s)} s`;
  if (s < 3600) return join(Math.floor(s / 60), "min", Math.floor(s % 60), "s");
  if (s < 86_400) return join(Math.floor(s / 3600), "h", Math.floor((s % 3600) / 60), "min");
  return join(Math.floor(s / 86_400), "d", Math.floor((s % 86_400) / 3600), "h");
}

const join = (large, one, small, two) => (small ? `${large} ${one} ${small} ${two}` : `${large} ${one}`);

/** `1.4 MB`, in steps of 1000. @param {number} bytes */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  let value = bytes;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${at === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[at]}`;
}

/** `12,345`. @param {number} number */
export function count(number) {
  return number.toLocaleString("en");
}
