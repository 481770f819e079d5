/** Where the tiles go: pure arithmetic, so that every crowd and every screen can be tested. */

/** @typedef {{ width: number, height: number }} Box */
/** @typedef {{ x: number, y: number, width: number, height: number }} Rect */

/** Pixels between tiles. */
export const GAP = 10;
/** A tile may be cropped from 16:9 this far in a wide box, and that far in a tall one, where cameras are tall too. */
const NARROWEST = { wide: 4 / 3, tall: 3 / 4 };
const WIDEST = 16 / 9;
/** Narrower tiles are of little use: rather let them scroll. Beside something featured they may be smaller. */
const SMALLEST = { alone: 100, strip: 64 };
/** @typedef {{ narrowest: number, smallest: number }} Limits  width to height; pixels of width */

/** @type {Limits} */
const STRIP = { narrowest: NARROWEST.wide, smallest: SMALLEST.strip };

/** @param {Box} box @returns {Limits} */
function limitsFor({ width, height }) {
  return { narrowest: width >= height ? NARROWEST.wide : NARROWEST.tall, smallest: SMALLEST.alone };
}

/**
 * Tiles of one size, as large as the box allows, the last row centred.
 * @param {number} count
 * @param {Box} box
 * @param {Limits} [limits]
 * @returns {Rect[]} in reading order; they reach below the box when there are too many for it
 */
export function grid(count, box, { narrowest, smallest } = limitsFor(box)) {
  if (count === 0 || box.width <= 0 || box.height <= 0) return [];
  let best = { columns: 1, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const tile = fit(cell(box, columns, Math.ceil(count / columns)), narrowest);
    if (tile.width * tile.height > best.width * best.height) best = { columns, ...tile };
  }
  if (best.width < Math.min(smallest, box.width)) best = scrolling(box, smallest);
  return place(count, best, box);
}

/**
 * A few tiles large (shared screens, somebody pinned), everybody else in a strip beside or below them.
 * @param {number} featured
 * @param {number} others
 * @param {Box} box
 * @returns {{ featured: Rect[], others: Rect[] }}
 */
export function stage(featured, others, box) {
  if (featured === 0) return { featured: [], others: grid(others, box) };
  if (others === 0) return { featured: fill(featured, box), others: [] };
  const wide = box.width >= box.height;
  const strip = (/** @type {number} */ depth) => (wide ? { width: depth, height: box.height } : { width: box.width, height: depth });
  const roomy = Math.round(wide ? clamp(box.width * 0.2, 132, 300) : box.height * 0.38);
  // What the strip's tiles would leave over belongs to what is featured.
  const depth = Math.min(roomy, extent(grid(others, strip(roomy), STRIP), wide));
  const start = wide ? { x: box.width - depth, y: 0 } : { x: 0, y: box.height - depth };
  const main = wide ? { width: start.x - GAP, height: box.height } : { width: box.width, height: start.y - GAP };
  const offset = (/** @type {Rect} */ rect) => ({ ...rect, x: rect.x + start.x, y: rect.y + start.y });
  return { featured: fill(featured, main), others: grid(others, strip(depth), STRIP).map(offset) };
}

/**
 * From the first edge to the last, across or down.
 * @param {Rect[]} rects
 * @param {boolean} across
 */
function extent(rects, across) {
  const starts = rects.map((rect) => (across ? rect.x : rect.y));
  const ends = rects.map((rect) => (across ? rect.x + rect.width : rect.y + rect.height));
  return Math.max(...ends) - Math.min(...starts);
}

/**
 * How tall the content is: more than the box when it scrolls.
 * @param {Rect[]} rects
 */
export function contentHeight(rects) {
  return rects.reduce((bottom, rect) => Math.max(bottom, rect.y + rect.height), 0);
}

/**
 * @param {Box} box
 * @param {number} columns
 * @param {number} rows
 * @returns {Box}
 */
function cell(box, columns, rows) {
  return { width: (box.width - GAP * (columns - 1)) / columns, height: (box.height - GAP * (rows - 1)) / rows };
}

/**
 * The largest tile in a cell whose shape is still good.
 * @param {Box} cell
 * @param {number} narrowest
 */
function fit({ width, height }, narrowest) {
  if (width <= 0 || height <= 0) return { width: 0, height: 0 };
  const shape = clamp(width / height, narrowest, WIDEST);
  return { width: Math.floor(Math.min(width, height * shape)), height: Math.floor(Math.min(height, width / shape)) };
}

/**
 * @param {Box} box
 * @param {number} smallest
 */
function scrolling(box, smallest) {
  const columns = Math.max(1, Math.floor((box.width + GAP) / (smallest + GAP)));
  const width = Math.floor(cell(box, columns, 1).width);
  return { columns, width, height: Math.floor(width / WIDEST) };
}

/**
 * Cells that use the whole box, for content that is shown whole.
 * @param {number} count
 * @param {Box} box
 */
function fill(count, box) {
  let best = { columns: 1, area: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const tile = fit(cell(box, columns, Math.ceil(count / columns)), WIDEST);
    if (tile.width * tile.height > best.area) best = { columns, area: tile.width * tile.height };
  }
  const size = cell(box, best.columns, Math.ceil(count / best.columns));
  return place(count, { columns: best.columns, width: Math.floor(size.width), height: Math.floor(size.height) }, box);
}

/**
 * @param {number} count
 * @param {{ columns: number, width: number, height: number }} tile
 * @param {Box} box
 * @returns {Rect[]}
 */
function place(count, { columns, width, height }, box) {
  const rows = Math.ceil(count / columns);
  const top = Math.max(0, (box.height - rows * height - (rows - 1) * GAP) / 2);
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / columns);
    const inRow = row === rows - 1 ? count - row * columns : columns;
    const left = (box.width - inRow * width - (inRow - 1) * GAP) / 2;
    return { x: Math.round(left + (index % columns) * (width + GAP)), y: Math.round(top + row * (height + GAP)), width, height };
  });
}

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}
