/** Two bitrates over the last minute as lines: pure arithmetic, and the SVG that shows it. */

import { svg } from "./dom.js";

/** What the graph looks back on. */
export const SPAN_MS = 60_000;
/** Points further apart have nothing between them: while there was no connection, nothing was measured. */
export const GAP_MS = 3_000;
/** The drawing's own units; it is stretched to the place it has. */
const WIDTH = 300;
const HEIGHT = 100;
/** A scale that begins at less would show noise. */
const SMALLEST_SCALE_BPS = 250_000;

/** @typedef {{ atMs: number, estimateBps: number | null, receivedBps: number }} Point */

/**
 * The points of the last minute, with a new one.
 * @param {readonly Point[]} points
 * @param {Point} point
 */
export function extended(points, point) {
  return [...points.filter(({ atMs }) => point.atMs - atMs <= SPAN_MS), point];
}

/**
 * A round number that all values are below: 1, 2 or 5 with zeros.
 * @param {readonly Point[]} points
 */
export function scaleOf(points) {
  const highest = Math.max(SMALLEST_SCALE_BPS, ...points.map(({ estimateBps, receivedBps }) => Math.max(estimateBps ?? 0, receivedBps)));
  const power = 10 ** Math.floor(Math.log10(highest));
  return power * ([1, 2, 5, 10].find((step) => step * power >= highest) ?? 10);
}

/**
 * One line, the newest point at the right edge.
 * @param {readonly Point[]} points
 * @param {(point: Point) => number | null} value  null leaves a gap
 * @param {number} scale  the value at the top
 * @returns {string} a path's `d`
 */
export function line(points, value, scale) {
  const end = points[points.length - 1]?.atMs ?? 0;
  let drawnMs = -Infinity;
  return points.map((point) => {
    const bps = value(point);
    if (bps === null) {
      drawnMs = -Infinity;
      return "";
    }
    const command = point.atMs - drawnMs <= GAP_MS ? "L" : "M";
    drawnMs = point.atMs;
    return `${command}${round(WIDTH - ((end - point.atMs) / SPAN_MS) * WIDTH)} ${round(HEIGHT - (bps / scale) * HEIGHT)}`;
  }).join("");
}

export class Graph {
  #estimate = svg("path", { class: "graph-estimate" });
  #received = svg("path", { class: "graph-received" });
  /** Hidden from screen readers: the numbers stand beside it. */
  element = svg("svg", { class: "graph", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("path", { class: "graph-grid", d: `M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}` }), this.#estimate, this.#received);

  /** @param {readonly Point[]} points */
  draw(points) {
    const scale = scaleOf(points);
    this.#estimate.setAttribute("d", line(points, ({ estimateBps }) => estimateBps, scale));
    this.#received.setAttribute("d", line(points, ({ receivedBps }) => receivedBps, scale));
  }
}

/** @param {number} coordinate */
function round(coordinate) {
  return Math.round(coordinate * 10) / 10;
}
