// Making elements without markup in strings: text only ever becomes a text node, so nothing that a
// camera, a tenant or an error says can become an element. Styles are set by properties, which a
// policy without inline styles allows.

/**
 * An element. `class`, `text`, `data` (dataset), `on` (listeners) are special; a value of true is an
 * empty attribute, null and false are left out.
 * @param {string} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string | null)} children
 * @returns {any}
 */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "text") element.textContent = value;
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** A button with text. @returns {HTMLButtonElement} */
export function button(text, testid, onClick, properties = {}) {
  return el("button", { type: "button", text, data: { testid }, on: { click: onClick }, ...properties });
}

/** Writes text only where it changed, so that screen readers and layout are left alone. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Says a sentence to screen readers, after what they are saying now. @param {string} sentence */
export function say(sentence) {
  const spoken = document.getElementById("spoken");
  if (spoken) spoken.textContent = sentence;
}

/** The element with this id, which index.html has. @returns {any} */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no #${id}`);
  return element;
}

/**
 * Copies text; also where the clipboard is closed because the page came without TLS.
 * @param {string} text
 * @returns {Promise<boolean>} whether it was copied
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (_) {
    const area = el("textarea", { class: "sr", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
