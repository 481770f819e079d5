/** After the room: why it is over, and the way back. */

import { h } from "./dom.js";
import { memory } from "./preferences.js";

/**
 * Its heading takes the focus, so that screen readers say why the call is over, whoever ended it; the way back is the next stop.
 * @param {{ title: string, sentence: string, onRejoin: () => void }} options
 */
export function leftPage({ title, sentence, onRejoin }) {
  return h("main", { class: "left", "data-testid": "left-page" },
    h("span", { class: "brand" }, "Parlor"),
    h("h1", { tabindex: "-1" }, sentence),
    h("p", { class: "lead" }, title),
    h("div", { class: "choices" },
      h("button", { type: "button", class: "primary", "data-testid": "rejoin", onclick: onRejoin }, "Rejoin"),
      h("a", { class: "button", href: "/", "data-testid": "another-room", onclick: () => memory.removeItem("parlor.room") }, "Another room")));
}
