// Replays: recordings that are played into the store as if their cameras were there. Started beside the live
// frames unless asked otherwise, paused, moved, made slower or faster, and stopped.

import { Problem, address, json } from "./api.js";
import { button, el, say, setText } from "./dom.js";
import { Poll, Records, field } from "./records.js";
import { session } from "./session.js";
import { state } from "./state.js";
import { count, fullTime, span, toMs, toNanos } from "./time.js";

const EVERY = 1000;
const SPEEDS = [["0.1", "×0.1"], ["0.5", "×0.5"], ["1", "×1"], ["2", "×2"], ["4", "×4"], ["10", "×10"], ["100", "×100"], ["max", "as fast as it goes"]];
/** The prefix of what is played beside the live frames. */
const BESIDE = "replay";
const LOOKS = { playing: ["▶", "playing"], paused: ["‖", "paused"], ended: ["■", "ended"], stopped: ["■", "stopped"], failed: ["✕", "failed"] };

export class Replays {
  constructor() {
    this.trouble = el("p", { class: "error", role: "alert", data: { testid: "replays-error" } });
    this.note = el("p", { class: "muted", role: "status", data: { testid: "replays-note" }, text: "Asking …" });
    const heads = ["Recording", "State", "Position", "Speed", "Frames", "Late", ""];
    this.list = new Records("Replays", "replays", heads, ({ id }) => id, () => new Row(this));
    this.watch = el("a", { class: "button", text: `Watch what is played (prefix ${BESIDE})`, hidden: true, data: { testid: "replay-watch" } });
    this.element = el("section", { "aria-label": "Replays", id: "replays" }, el("h2", { text: "Replays" }),
      session.write ? this.form() : null, this.trouble, this.note, this.list.element, this.watch);
    this.poll = new Poll(() => this.refresh(), EVERY);
  }

  close() {
    this.poll.close();
  }

  form() {
    const choice = (options, testid) => el("select", { data: { testid } }, ...options.map(([value, text]) => el("option", { value, text, selected: value === "1" })));
    this.recording = el("select", { required: true, data: { testid: "replay-recording" } });
    this.speed = choice(SPEEDS, "replay-speed");
    this.where = choice([[BESIDE, `beside them (prefix ${BESIDE})`], ["", "as the cameras themselves"]], "replay-where");
    this.rounds = choice([["", "once"], ["loop", "again and again"]], "replay-rounds");
    const submit = (event) => {
      event.preventDefault();
      void this.start();
    };
    this.formElement = el("form", { class: "card start-form", hidden: true, data: { testid: "replay-form" }, on: { submit } },
      field("Recording", this.recording), field("Speed", this.speed), field("Where", this.where), field("Rounds", this.rounds),
      el("button", { type: "submit", class: "primary", text: "▶ Play", data: { testid: "replay-go" } }));
    return this.formElement;
  }

  /** Which recordings can be played. @param {string[]} names */
  offer(names) {
    if (!this.formElement) return;
    this.formElement.hidden = names.length === 0;
    const now = names.join("\n");
    if (this.recording.dataset.names === now) return;
    const chosen = this.recording.value;
    this.recording.dataset.names = now;
    this.recording.replaceChildren(...names.map((value) => el("option", { value, text: value })));
    if (names.includes(chosen)) this.recording.value = chosen;
  }

  /** Takes up the recording that a person pressed "Play" at. @param {string} name */
  choose(name) {
    this.recording.value = name;
    this.element.scrollIntoView({ block: "nearest" });
    this.speed.focus();
  }

  async start() {
    const recording = this.recording.value;
    const loop = this.rounds.value === "loop" ? "true" : null;
    const order = { recording, speed: this.speed.value, loop, tenant: null, prefix: this.where.value };
    await this.run(address("replays", order), "POST", `${recording} is played`);
  }

  /** @param {string} url @param {string} method @param {string} [said] */
  async run(url, method, said) {
    setText(this.trouble, "");
    try {
      await json(url, { method });
      if (said) say(said);
    } catch (error) {
      setText(this.trouble, error instanceof Problem ? error.message : String(error));
    }
    await this.poll.now();
  }

  async refresh() {
    try {
      const { replays: all } = await json(address("replays"));
      this.list.show(all);
      this.watch.hidden = all.length === 0;
      this.watch.href = `#/wall?${new URLSearchParams({ tenant: state.status?.tenant ?? "default", prefix: BESIDE })}`;
      setText(this.note, all.length > 0 ? "" : "Nothing is played.");
    } catch (error) {
      setText(this.note, `The replays are not known: ${error instanceof Problem ? error.message : error}.`);
    }
  }
}

/** One replay. */
class Row {
  /** @param {Replays} view */
  constructor(view) {
    this.view = view;
    this.id = "";
    this.held = false;
    this.name = el("th", { scope: "row" });
    this.looks = el("span", { class: "badge", data: { testid: "replay-state" } });
    this.where = el("span", { class: "muted", data: { testid: "replay-position" } });
    this.seek = el("input", { type: "range", class: "seek", "aria-label": "Position", data: { testid: "replay-seek" }, on: {
      input: () => { this.held = true; },
      change: () => this.move(),
    } });
    this.pace = el("select", { "aria-label": "Speed", data: { testid: "replay-pace" }, on: { change: () => this.order("speed", { speed: this.pace.value }) } },
      ...SPEEDS.map(([value, text]) => el("option", { value, text })));
    this.frames = el("td", { data: { testid: "replay-frames" } });
    this.late = el("td");
    this.acts = el("td", { class: "acts" });
    this.element = el("tr", { data: { testid: "replay" } }, this.name, el("td", {}, this.looks),
      el("td", { class: "position" }, this.seek, this.where), el("td", {}, this.pace), this.frames, this.late, this.acts);
    this.shown = "";
  }

  /** @param {string} what @param {object} [more] */
  order(what, more) {
    return this.view.run(address(`replays/${encodeURIComponent(this.id)}/${what}`, more), "POST");
  }

  async move() {
    await this.order("seek", { t: toNanos(Number(this.seek.value)) });
    this.held = false;
  }

  /** @param {any} one */
  show(one) {
    this.id = one.id;
    const [from, to, at] = [toMs(one.from), toMs(one.to), toMs(one.position)];
    const over = !["playing", "paused"].includes(one.state);
    this.element.dataset.state = one.state;
    setText(this.name, one.recording);
    const [sign, word] = LOOKS[one.state] ?? ["", one.state];
    setText(this.looks, `${sign} ${word}${one.looped && !over ? `, round ${one.rounds + 1}` : ""}`);
    this.looks.title = one.error;
    Object.assign(this.seek, { min: from, max: to, step: "any", disabled: over || !session.write });
    if (!this.held) this.seek.value = String(at);
    this.seek.setAttribute("aria-valuetext", fullTime(at));
    setText(this.where, `${span(at - from)} of ${span(to - from)}`);
    if (document.activeElement !== this.pace) this.pace.value = String(one.speed).replace(/^x/, "");
    this.pace.disabled = over || !session.write;
    setText(this.frames, count(one.frames) + (one.refused > 0 ? `, ✕ ${count(one.refused)} refused` : ""));
    setText(this.late, count(one.late));
    if (this.shown === one.state) return;
    this.shown = one.state;
    const act = (text, what) => button(text, `replay-${what}`, () => this.order(what), { "aria-label": `${text} ${one.recording}` });
    const acts = one.state === "playing" ? [act("Pause", "pause")] : one.state === "paused" ? [act("Resume", "resume")] : [];
    if (!over) acts.push(button("Stop", "replay-stop", () => this.view.run(address(`replays/${encodeURIComponent(this.id)}`), "DELETE")));
    this.acts.replaceChildren(...(session.write ? acts : []));
  }
}
