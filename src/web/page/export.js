// Taking a range away: as pictures in a zip, as a film, or as a recording that can be put back; or keeping it
// where it is. Says how much it is before, from the sums of the timeline, and shows the command that does
// the same elsewhere.

import { LatestWins, address, family, ofCamera } from "./api.js";
import { button, copy, el, say, setText } from "./dom.js";
import { holdForm } from "./holds.js";
import { session } from "./session.js";
import { state } from "./state.js";
import { count, fullTime, rfc3339, size, span, toNanos, zoneName } from "./time.js";
import { loadSum } from "./timeline-model.js";

const EVERY = [["", "every frame"], ["500ms", "one each 0.5 s"], ["1s", "one a second"], ["5s", "one each 5 s"], ["10s", "one each 10 s"], ["1m", "one a minute"]];
const EVERY_MS = { "500ms": 500, "1s": 1000, "5s": 5000, "10s": 10_000, "1m": 60_000 };
const FPS = [["", "as recorded"], ["5", "5 fps"], ["10", "10 fps"], ["15", "15 fps"], ["25", "25 fps"], ["30", "30 fps"]];

export class Export {
  /** @param {string} camera @param {import("./timeline.js").Timeline} timeline */
  constructor(camera, timeline) {
    this.camera = camera;
    this.timeline = timeline;
    /** @type {import("./timeline-model.js").Window | null} */
    this.range = null;
    /** @type {{frames: number, bytes: number} | null} */
    this.sum = null;
    this.loader = new LatestWins((range, signal) => loadSum(camera, range, signal), (sum) => {
      this.sum = sum;
      this.update();
    });
    this.build();
  }

  build() {
    const choice = (options, testid, label) => el("select", { data: { testid }, "aria-label": label, on: { change: () => this.update() } },
      ...options.map(([value, text]) => el("option", { value, text })));
    this.form = choice([["zip", "JPEG pictures (.zip)"], ["mp4", "Film (.mp4)"], ["mcap", "Recording (.mcap)"]], "export-form", "Form");
    this.every = choice(EVERY, "export-every", "Which frames");
    this.fps = choice(FPS, "export-fps", "Pace");
    this.what = el("p", { data: { testid: "export-range" } });
    this.much = el("p", { class: "muted", data: { testid: "export-size" } });
    this.go = el("a", { class: "button primary", text: "Download", data: { testid: "export-go" } });
    this.curl = el("code", { data: { testid: "export-curl" } });
    this.cli = el("code", { data: { testid: "export-cli" } });
    this.cliLine = this.line(this.cli, "Command line");
    this.element = el("section", { class: "card export", "aria-label": "Export", hidden: true, data: { testid: "export" } },
      el("div", { class: "export-head" }, el("h2", { text: "Export" }), button("Clear range", "export-clear", () => this.clear(), { class: "quiet" })),
      this.what, el("div", { class: "controls" }, this.form, this.every, this.fps, this.go), this.much,
      this.line(this.curl, "The same by curl"), this.cliLine, session.write ? holdForm(this.camera, () => this.range) : null);
  }

  /** @param {HTMLElement} code @param {string} label */
  line(code, label) {
    const done = async () => say((await copy(code.textContent ?? "")) ? "copied" : "this browser does not allow copying");
    return el("div", { class: "command" }, el("span", { class: "muted", text: label }), el("pre", { tabindex: "0", "aria-label": label }, code), button("Copy", "", done, { class: "quiet" }));
  }

  close() {
    this.loader.forget();
  }

  /** @param {import("./timeline-model.js").Window | null} range */
  choose(range) {
    this.range = range;
    this.element.hidden = range === null;
    if (!range) return;
    this.sum = null;
    this.loader.want(range);
    this.update();
  }

  /** Shows the form to a person who asked for it. */
  open() {
    this.element.scrollIntoView({ block: "nearest" });
    this.form.focus();
  }

  clear() {
    if (this.range) this.timeline.mark(null);
  }

  update() {
    const { range } = this;
    if (!range) return;
    const film = this.form.value === "mp4";
    this.every.hidden = film;
    this.fps.hidden = !film;
    setText(this.what, `${fullTime(range.from)} to ${fullTime(range.to)} ${zoneName()}: ${span(range.to - range.from)}`);
    const window = { from: toNanos(range.from), to: toNanos(range.to) };
    this.go.href = {
      zip: () => ofCamera(this.camera, "frames.zip", { ...window, every: this.every.value, limit: "all" }),
      mp4: () => ofCamera(this.camera, "clip.mp4", { ...window, fps: this.fps.value }),
      mcap: () => address("export.mcap", { camera: this.camera, ...window, every: this.every.value }),
    }[this.form.value]();
    this.go.setAttribute("download", "");
    setText(this.much, this.estimate(range, film));
    setText(this.curl, this.asCurl());
    this.cliLine.hidden = film;
    setText(this.cli, this.asCli(range));
  }

  /** @param {import("./timeline-model.js").Window} range @param {boolean} film */
  estimate(range, film) {
    if (!this.sum) return "Asking how much that is …";
    const { frames, bytes } = this.sum;
    if (frames === 0) return "No frame lives in this range.";
    const every = EVERY_MS[this.every.value];
    const taken = !film && every ? Math.min(frames, Math.ceil((range.to - range.from) / every)) : frames;
    if (!film) return `${taken === frames ? "" : "About "}${count(taken)} frames, ${size((bytes / frames) * taken)}.`;
    return `${count(frames)} frames, ${size(bytes)} as pictures; the film is encoded while it is downloaded.`;
  }

  asCurl() {
    const key = session.access === "token" ? ' -H "Authorization: Bearer $FRAMECACHE_TOKEN"' : "";
    return `curl -fOJ${key} '${this.go.href}'`;
  }

  /** @param {import("./timeline-model.js").Window} range */
  asCli(range) {
    const server = new URL(".", address("x").replace("/api/v1/", "/")).href.replace(/\/$/, "");
    const { tenant, prefix } = { tenant: state.status?.tenant, prefix: state.status?.prefix, ...family };
    const whose = tenant ? ` --tenant ${tenant} --prefix ${prefix}` : "";
    const every = this.every.value ? ` --every ${this.every.value}` : "";
    const window = `--from ${rfc3339(range.from)} --to ${rfc3339(range.to)}${every}`;
    return this.form.value === "mcap"
      ? `framecache export --camera ${this.camera} ${window} -o ${this.camera}.mcap --url ${server}${whose}`
      : `framecache range ${this.camera} ${window} -o ${this.camera} --url ${server}${whose}`;
  }
}
