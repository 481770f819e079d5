/** How the connection is: in a word on a button, and in numbers and a graph behind it. */

import { h, icon } from "./dom.js";
import { bitrateWords, connectionFigures } from "./figures.js";
import { GAP_MS, Graph, extended, scaleOf } from "./graph.js";
import { panel } from "./panel.js";
import { networkWords } from "./words.js";

/** @import { Room } from "../sdk/index.js" */
/** @import { Network } from "../wire.d.ts" */
/** @import { Sample } from "../sdk/statistics.js" */
/** @import { Point } from "./graph.js" */
/** @import { Overlays } from "./overlays.js" */

const ID = "connection-panel";

export class ConnectionPanel {
  #room;
  /** As long as the call: what the graph looks back on was measured before it is opened. */
  #lifetime = new AbortController();
  /** @type {Point[]} */
  #points = [];
  /** The latest. @type {Sample | null} */
  #sample = null;
  #graph = new Graph();
  #top = h("span", { class: "graph-top" });
  #words = h("p", { class: "lead", "data-testid": "connection-words" });
  #figures = h("dl", { class: "figures", "data-testid": "figures" });
  #label = h("span", {});
  button = h("button", { type: "button", class: "quiet-button labelled network", popovertarget: ID, "data-testid": "network" }, icon("signal"), this.#label);
  element;

  /**
   * @param {Room} room
   * @param {Overlays} overlays
   */
  constructor(room, overlays) {
    this.#room = room;
    const everywhere = h("input", { type: "checkbox", "data-testid": "statistics-everywhere", onchange: () => overlays.spread(everywhere.checked) });
    this.element = panel({ id: ID, title: "Connection", class: "panel connection-panel", "data-testid": ID },
      this.#words,
      h("div", { class: "graph-frame" }, this.#graph.element, this.#top),
      h("p", { class: "legend", "aria-hidden": "true" },
        h("span", { class: "key-received" }, "arrives"), h("span", { class: "key-estimate" }, "can arrive"), h("span", { class: "spring" }), h("span", {}, "last minute")),
      this.#figures,
      h("label", { class: "check" }, everywhere, h("span", {}, "Statistics on every picture")));
    this.element.addEventListener("toggle", () => this.#draw());
    room.statistics.watch((sample) => this.#measured(sample), this.#lifetime.signal);
    this.show(room.quality.network);
  }

  /** @param {Network} network */
  show(network) {
    const words = networkWords(network);
    this.#label.textContent = words;
    this.button.dataset.network = network;
    this.button.setAttribute("aria-label", network === "unknown" ? words : `${words}: details`);
    this.button.title = this.button.getAttribute("aria-label") ?? "";
    this.#words.textContent = network === "unknown" ? "The server has not judged it yet." : `${words}.`;
  }

  stop() {
    this.#lifetime.abort();
  }

  /** @param {Sample} sample */
  #measured(sample) {
    this.#sample = sample;
    const point = { atMs: performance.now(), estimateBps: this.#room.quality.estimate_bps, receivedBps: sample.receivedBps };
    this.#points = extended(this.#points, point);
    this.#draw();
  }

  #draw() {
    if (!this.element.matches(":popover-open")) return;
    // Without a connection nothing is measured, and what was is not what is.
    const newest = this.#points.at(-1)?.atMs ?? -Infinity;
    const sample = performance.now() - newest <= GAP_MS ? this.#sample : null;
    const points = sample ? this.#points : [];
    this.#graph.draw(points);
    this.#top.textContent = points.length > 0 ? bitrateWords(scaleOf(points)) : "";
    const figures = sample ? connectionFigures(sample, this.#room.quality.estimate_bps) : [["Connection", "measuring…"]];
    const rows = figures.map(([what, much]) => h("div", {}, h("dt", {}, what), h("dd", {}, much)));
    this.#figures.replaceChildren(...rows);
  }
}
