/** A panel that floats above the page until the person is done with it. */

import { h } from "./dom.js";

/** @import { Attributes } from "./dom.js" */

/**
 * It closes by Escape, by a click elsewhere, and when the keyboard leaves it.
 * @param {{ id: string, title: string } & Attributes} options
 * @param {...(Node | string | null)} children
 */
export function panel({ id, title, class: className = "panel", ...attributes }, ...children) {
  const heading = h("h2", {}, title);
  const element = h("div", { id, class: className, popover: "auto", role: "dialog", "aria-label": title, ...attributes }, heading, ...children);
  element.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget instanceof Node && !element.contains(relatedTarget)) element.hidePopover();
  });
  // From the last thing of the page Tab leads out of it, and focus goes nowhere.
  element.addEventListener("keydown", ({ key }) => {
    if (key === "Tab") setTimeout(() => !element.contains(document.activeElement) && element.hidePopover());
  });
  return element;
}
