/** Building elements without markup strings, so that no name or message can ever become markup. */

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Record<string, string | boolean | null | undefined | ((event: any) => void)>} Attributes */

/**
 * `on…` functions become listeners; true is an empty attribute; false, null and undefined are left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...(Node | string | null)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/**
 * @param {string} tag
 * @param {Record<string, string>} attributes
 * @param {...Node} children
 */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * Takes the icons into the page, once: there they stay whatever becomes of the server.
 * @returns {Promise<void>}
 */
export async function loadIcons() {
  const answer = await fetch("/style/icons.svg");
  const sprite = new DOMParser().parseFromString(await answer.text(), "image/svg+xml").documentElement;
  sprite.setAttribute("class", "visually-hidden");
  sprite.setAttribute("aria-hidden", "true");
  document.body.append(document.importNode(sprite, true));
}

/** @param {string} name  a symbol of /style/icons.svg */
export function icon(name) {
  return svg("svg", { class: "icon", "aria-hidden": "true" }, svg("use", { href: `#${name}` }));
}

/**
 * Changes icon and label of a button made of an icon.
 * @param {HTMLElement} button
 * @param {string} name
 * @param {string} label  also the tooltip
 */
export function relabel(button, name, label) {
  if (button.getAttribute("aria-label") === label) return;
  button.setAttribute("aria-label", label);
  button.title = label;
  button.querySelector("use")?.setAttribute("href", `#${name}`);
}

/**
 * @param {string} name
 * @param {string} label
 * @param {Attributes} attributes
 */
export function iconButton(name, label, attributes) {
  return h("button", { type: "button", "aria-label": label, title: label, ...attributes }, icon(name));
}
