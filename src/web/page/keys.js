// The keys of the camera view. They are left alone while something is written, chosen from a list, or
// meant for a button.

/** What each key does, for people. */
export const KEYS = [
  ["← →", "one frame back or on"],
  ["Shift ← →", "move the timeline"],
  ["Home End", "oldest or newest frame"],
  ["Space", "play or pause"],
  ["< >", "slower or faster"],
  ["l", "live"],
  ["+ −", "shorter or longer span"],
  ["i o", "range starts or ends here"],
  ["e", "export"],
  ["Esc", "no range"],
  ["k", "copy the frame's key"],
  ["d", "download the picture"],
];

/**
 * Listens until the answer is called.
 * @param {any} view a camera view
 * @returns {() => void}
 */
export function listen(view) {
  const { player, timeline, exporter } = view;
  /** @type {Record<string, (event: KeyboardEvent) => void>} */
  const acts = {
    ArrowLeft: ({ shiftKey }) => (shiftKey ? timeline.pan(-0.1) : player.step(-1)),
    ArrowRight: ({ shiftKey }) => (shiftKey ? timeline.pan(0.1) : player.step(1)),
    Home: () => player.toEnd(-1),
    End: () => player.toEnd(1),
    " ": () => view.toggle(),
    "<": () => view.changeSpeed(-1),
    ">": () => view.changeSpeed(1),
    l: () => view.live(),
    "+": () => timeline.zoom(1 / 1.6),
    "=": () => timeline.zoom(1 / 1.6),
    "-": () => timeline.zoom(1.6),
    i: () => view.markEnd("from"),
    o: () => view.markEnd("to"),
    e: () => view.mark(),
    Escape: () => exporter.clear(),
    k: () => view.copyKey(),
    d: () => view.save.click(),
  };
  const heard = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || taken(event)) return;
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act(event);
  };
  document.addEventListener("keydown", heard);
  return () => document.removeEventListener("keydown", heard);
}

/** Whether what has the focus needs the key itself. @param {KeyboardEvent} event */
function taken(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (target.closest("input, select, textarea")) return event.key !== "Escape";
  return event.key === " " && target.closest("button, a, summary") !== null;
}
