// Asking the server. Every address is relative to the page, so that it works below any path of a
// proxy. A refusal is a Problem with the server's own sentence; a missing sign-in is told to the whole
// page by the event `signed-out`.

const root = new URL("api/v1/", document.baseURI);

/** Whose cameras are shown; empty: the configured ones. @type {{tenant?: string, prefix?: string}} */
export let family = {};

/** @param {{tenant?: string, prefix?: string}} chosen */
export function setFamily(chosen) {
  family = chosen;
}

/** What the server answered instead (RFC 9457), or that it did not answer: status 0. */
export class Problem extends Error {
  /** @param {number} status @param {string} type @param {string} detail */
  constructor(status, type, detail) {
    super(detail);
    this.status = status;
    this.type = type;
  }
}

/**
 * An address of the API with the chosen family.
 * @param {string} path below `api/v1/`
 * @param {Record<string, any>} [params] those that are null or undefined are left out
 * @returns {string}
 */
export function address(path, params = {}) {
  const url = new URL(path, root);
  for (const [name, value] of Object.entries({ ...family, ...params })) {
    if (value === null || value === undefined || value === "") continue;
    for (const one of Array.isArray(value) ? value : [value]) url.searchParams.append(name, String(one));
  }
  return url.href;
}

/** The address of the socket. @returns {string} */
export function socketAddress() {
  return address("ws").replace(/^http/, "ws");
}

/** The address of something of a camera. @param {string} camera @param {string} what @param {object} [params] */
export function ofCamera(camera, what, params) {
  return address(`cameras/${encodeURIComponent(camera)}/${what}`, params);
}

/**
 * @param {string} url
 * @param {RequestInit} [options]
 * @returns {Promise<Response>} a response that is ok
 */
export async function ask(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem(0, "unreachable", "the server does not answer");
  }
  if (response.ok) return response;
  throw await problem(response);
}

/** @param {Response} response @returns {Promise<Problem>} */
async function problem(response) {
  if (response.status === 401) window.dispatchEvent(new Event("signed-out"));
  const said = await response.json().catch(() => ({}));
  const detail = said.detail ?? said.title ?? `the server answered ${response.status}`;
  return new Problem(response.status, said.type ?? "", detail);
}

/** @param {string} url @param {RequestInit} [options] @returns {Promise<any>} */
export async function json(url, options) {
  return (await ask(url, options)).json();
}

/**
 * One request at a time, the newest wish next: what a scrubbing hand needs. Older wishes that were
 * not started are forgotten.
 * @template W, A
 */
export class LatestWins {
  /** @param {(wish: W, signal: AbortSignal) => Promise<A>} run @param {(answer: A, wish: W) => void} then */
  constructor(run, then) {
    this.run = run;
    this.then = then;
    this.next = null;
    this.stopped = new AbortController();
    this.busy = false;
  }

  /** @param {W} wish */
  want(wish) {
    this.next = { wish };
    if (!this.busy) void this.work();
  }

  /** Forgets what is wanted; an answer that is under way is dropped. */
  forget() {
    this.next = null;
    this.stopped.abort();
    this.stopped = new AbortController();
  }

  async work() {
    this.busy = true;
    while (this.next) {
      const { wish } = this.next;
      this.next = null;
      const { signal } = this.stopped;
      try {
        const answer = await this.run(wish, signal);
        if (!signal.aborted) this.then(answer, wish);
      } catch (error) {
        if (!signal.aborted) console.warn(String(error));
      }
    }
    this.busy = false;
  }
}
