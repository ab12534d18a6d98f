// Who is signed in. The server keeps the token in a cookie that no script can read; here is only known
// whether one is needed.

import { Problem, ask, json } from "./api.js";
import { el, setText } from "./dom.js";

/** @type {{access: string, tenant: string | null, write: boolean, needed: boolean}} */
export const session = { access: "open", tenant: null, write: true, needed: false };

/** The same for every family. */
const place = new URL("api/v1/session", document.baseURI).href;

/** Asks the server whether a token is needed. */
export async function loadSession() {
  try {
    const said = await json(place);
    Object.assign(session, said, { needed: said.access === "token" && !said.signed_in });
  } catch (error) {
    console.warn(`whether a sign-in is needed is not known: ${error}`);
  }
}

export async function signOut() {
  await ask(place, { method: "DELETE" });
}

/** @param {string} token */
async function exchange(token) {
  const headers = { "content-type": "application/json" };
  await ask(place, { method: "POST", headers, body: JSON.stringify({ token }) });
}

/**
 * The form that asks for a token.
 * @param {() => Promise<void>} then after a token was taken
 * @returns {import("./app.js").View}
 */
export function signIn(then) {
  const token = el("input", { type: "password", name: "token", id: "token", autocomplete: "current-password", required: true, data: { testid: "token" } });
  const wrong = el("p", { class: "error", role: "alert", data: { testid: "sign-in-error" } });
  const submit = async (event) => {
    event.preventDefault();
    setText(wrong, "");
    try {
      await exchange(token.value.trim());
      await then();
    } catch (error) {
      const known = error instanceof Problem && error.status !== 0;
      setText(wrong, known && error.status === 401 ? "This token is not known here." : String(error.message ?? error));
      token.select();
    }
  };
  const form = el("form", { class: "card sign-in", data: { testid: "sign-in" }, on: { submit } },
    el("h1", { text: "Sign in" }),
    el("p", { class: "muted", text: "This server asks for a token. “framecache token new” makes one." }),
    el("label", { for: "token", text: "Token" }), token, wrong,
    el("button", { type: "submit", class: "primary", text: "Sign in", data: { testid: "sign-in-go" } }));
  setTimeout(() => token.focus());
  return { element: form, title: "Sign in", close: () => {} };
}
