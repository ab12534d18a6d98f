// Holds: frames that live longer because somebody asked for it. A list with what is left of each, and a form
// that holds the range that is marked on a camera's timeline.

import { Problem, address, json } from "./api.js";
import { el, say, setText } from "./dom.js";
import { Poll, Records, field, twice } from "./records.js";
import { href } from "./route.js";
import { session } from "./session.js";
import { count, fullTime, size, span, toMs, toNanos } from "./time.js";

const EVERY = 5000;
const FOR = [["1h", "1 hour"], ["8h", "8 hours"], ["24h", "1 day"], ["7d", "7 days"], ["30d", "30 days"]];

/** The list. @returns {{element: HTMLElement, close: () => void}} */
export function holds() {
  const note = el("p", { class: "muted", role: "status", data: { testid: "holds-note" }, text: "Asking …" });
  const trouble = el("p", { class: "error", role: "alert", data: { testid: "holds-error" } });
  const release = async (id) => {
    setText(trouble, "");
    try {
      await json(address(`holds/${encodeURIComponent(id)}`), { method: "DELETE" });
      say("the hold is released");
    } catch (error) {
      setText(trouble, error instanceof Problem ? error.message : String(error));
    }
    await poll.now();
  };
  const heads = ["Camera", "From", "To", "Left", "Frames", "Bytes", "Note", ""];
  const list = new Records("Holds", "holds", heads, ({ id }) => id, ({ id }) => row(() => release(id)));
  const refresh = async () => {
    try {
      const { holds: all, bytes, max_bytes: most } = await json(address("holds"));
      list.show(all);
      setText(note, `${all.length === 0 ? "Nothing is held" : `${size(bytes)} are held`}; at most ${size(most)} may be.`);
    } catch (error) {
      setText(note, `The holds are not known: ${error instanceof Problem ? error.message : error}.`);
    }
  };
  const poll = new Poll(refresh, EVERY);
  const how = el("p", { class: "muted", text: "A hold keeps the frames of a range longer than they would live: mark the range on the timeline of a camera." });
  const element = el("section", { "aria-label": "Holds" }, el("h2", { text: "Holds" }), how, trouble, note, list.element);
  return { element, close: () => poll.close() };
}

/** @param {() => void} release */
function row(release) {
  const link = el("a");
  const cells = Array.from({ length: 6 }, () => el("td"));
  const acts = el("td", { class: "acts" }, session.write ? twice("Release", "Really release?", "hold-release", release) : null);
  const element = el("tr", { data: { testid: "hold" } }, el("th", { scope: "row" }, link), ...cells, acts);
  const show = (one) => {
    setText(link, one.stream.camera);
    link.href = href(`camera/${one.stream.camera}`);
    element.dataset.camera = one.stream.camera;
    const texts = [
      fullTime(toMs(one.from)), fullTime(toMs(one.to)), span(one.left_seconds * 1000),
      count(one.frames), size(one.bytes), one.note,
    ];
    texts.forEach((text, at) => setText(cells[at], text));
  };
  return { element, show };
}

/**
 * The form below a marked range.
 * @param {string} camera @param {() => import("./timeline-model.js").Window | null} range
 */
export function holdForm(camera, range) {
  const keep = el("select", { data: { testid: "hold-for" } }, ...FOR.map(([value, text]) => el("option", { value, text, selected: value === "24h" })));
  const note = el("input", { maxlength: 500, placeholder: "why, for others", autocomplete: "off", data: { testid: "hold-note" } });
  const told = el("p", { class: "muted", role: "status", data: { testid: "hold-told" } });
  const submit = async (event) => {
    event.preventDefault();
    const window = range();
    if (!window) return;
    const asked = { camera, from: toNanos(window.from), to: toNanos(window.to), for: keep.value, note: note.value };
    try {
      const done = await json(address("holds", asked), { method: "POST" });
      setText(told, `${count(done.frames)} frames, ${size(done.bytes)}, are kept until ${fullTime(toMs(done.until))}.`);
    } catch (error) {
      setText(told, error instanceof Problem ? error.message : String(error));
    }
  };
  return el("form", { class: "controls hold-form", data: { testid: "hold-form" }, on: { submit } },
    field("Keep for", keep), field("Note", note), el("button", { type: "submit", text: "Hold this range", data: { testid: "hold-go" } }), told);
}
