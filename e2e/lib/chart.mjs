// A line chart as SVG text: few series, axes with units, readable in light and dark, told in words to who cannot see it.

const WIDTH = 720;
const HEIGHT = 420;
const FRAME = { left: 68, right: 690, top: 102, bottom: 362 };
/** Series are told apart by shape and dashes too: colours alone are not seen by everybody. */
const MARKS = [
  { light: '#0b5cad', dark: '#7cb7ff', dashes: '', shape: (x, y) => `<circle cx="${x}" cy="${y}" r="4.5"/>` },
  { light: '#a8480a', dark: '#ffab70', dashes: '7 4', shape: (x, y) => `<rect x="${num(x - 4)}" y="${num(y - 4)}" width="8" height="8"/>` },
  { light: '#1d6f42', dark: '#79d6a2', dashes: '2 4', shape: (x, y) => `<path d="M${x} ${num(y - 5.5)}l5 9h-10z"/>` },
  { light: '#7a3e9d', dark: '#d3a4f2', dashes: '10 3 2 3', shape: (x, y) => `<path d="M${num(x - 4)} ${num(y - 4)}l8 8m0 -8l-8 8" stroke-dasharray="none"/>` },
];
/** Ticks of an axis at most, the first among them. */
const MOST_TICKS = 7;

const num = (value) => Number(value.toFixed(1));
const escape = (text) => String(text).replace(/[&<>"]/g, (it) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[it]);
/** A number as people write it. */
export const figure = (value) => (Math.abs(value) >= 100 || Number.isInteger(value) ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(2))));

/**
 * @param {{ title: string, x: Axis, y: Axis, series: { name: string, points: [number, number][] }[] }} chart
 * @typedef {{ label: string, unit?: string, log?: boolean }} Axis  `log`: equal steps are equal factors
 */
export function lineChart({ title, x, y, series }) {
  const shown = series.filter(({ points }) => points.length > 0).slice(0, MARKS.length);
  const [xScale, yScale] = [scale(x, shown.flatMap(({ points }) => points.map(([at]) => at)), FRAME.left, FRAME.right), scale(y, shown.flatMap(({ points }) => points.map(([, value]) => value)), FRAME.bottom, FRAME.top)];
  const parts = [
    ...yScale.ticks.map((tick) => `<path class="grid" d="M${FRAME.left} ${yScale.at(tick)}H${FRAME.right}"/><text x="${FRAME.left - 8}" y="${num(yScale.at(tick) + 4.5)}" text-anchor="end">${figure(tick)}</text>`),
    ...xScale.ticks.map((tick) => `<path class="axis" d="M${xScale.at(tick)} ${FRAME.bottom}v5"/><text x="${xScale.at(tick)}" y="${FRAME.bottom + 21}" text-anchor="middle">${figure(tick)}</text>`),
    `<path class="axis" d="M${FRAME.left} ${FRAME.bottom}H${FRAME.right}"/>`,
    `<text x="${(FRAME.left + FRAME.right) / 2}" y="${HEIGHT - 12}" text-anchor="middle">${escape(named(x))}</text>`,
    `<text x="16" y="90">${escape(named(y))}</text>`,
    ...shown.map((one, index) => line(one, index, xScale.at, yScale.at)),
    ...legend(shown),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-labelledby="title desc">
<title id="title">${escape(title)}</title>
<desc id="desc">${escape(inWords({ x, y, series: shown }))}</desc>
<style>
${style()}
</style>
<rect class="ground" width="${WIDTH}" height="${HEIGHT}"/>
<text class="title" x="16" y="28">${escape(title)}</text>
${parts.join('\n')}
</svg>
`;
}

const named = ({ label, unit }) => (unit ? `${label} (${unit})` : label);

/** What the chart shows, for who hears it. */
function inWords({ x, y, series }) {
  const told = series.map(({ name, points }) => `${name}: ${points.map(([at, value]) => `${figure(value)} at ${figure(at)}`).join(', ')}`);
  return `${named(y)} against ${named(x)}. ${told.join('. ')}.`;
}

function style() {
  const colours = (theme) => MARKS.map((mark, index) => `.s${index} { stroke: ${mark[theme]}; fill: ${mark[theme]}; }`).join(' ');
  return `text { font: 14px system-ui, sans-serif; fill: #22262b; } .title { font-size: 17px; font-weight: 600; } .ground { fill: #ffffff; }
.grid { stroke: #d9dde2; } .axis { stroke: #6b7280; } path, polyline { fill: none; } polyline { stroke-width: 2.2; } ${colours('light')} polyline.line { fill: none; }
@media (prefers-color-scheme: dark) { text { fill: #e6e9ed; } .ground { fill: #14171a; } .grid { stroke: #343a41; } .axis { stroke: #9aa3ad; } ${colours('dark')} polyline.line { fill: none; } }`;
}

function line({ points }, index, xAt, yAt) {
  const places = [...points].sort(([a], [b]) => a - b).map(([x, y]) => [xAt(x), yAt(y)]);
  const { dashes, shape } = MARKS[index];
  const path = places.map((place) => place.join(',')).join(' ');
  return `<polyline class="line s${index}" points="${path}"${dashes && ` stroke-dasharray="${dashes}"`}/><g class="s${index}">${places.map(([x, y]) => shape(x, y)).join('')}</g>`;
}

function legend(series) {
  return series.map(({ name }, index) => {
    const { dashes, shape } = MARKS[index];
    const [left, top] = [16 + 320 * (index % 2), 46 + 20 * Math.floor(index / 2)];
    return `<polyline class="line s${index}" points="${left},${top} ${left + 30},${top}"${dashes && ` stroke-dasharray="${dashes}"`}/><g class="s${index}">${shape(left + 15, top)}</g><text x="${left + 38}" y="${top + 5}">${escape(name)}</text>`;
  });
}

/** From values to places, and the values that are written beside the axis. */
function scale({ log = false }, values, from, to) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const ticks = log ? factors(least, most) : steps(most);
  const measure = log ? Math.log10 : (value) => value;
  const [first, last] = [measure(ticks[0]), measure(ticks.at(-1))];
  return { ticks, at: (value) => num(from + ((measure(value) - first) / (last - first || 1)) * (to - from)) };
}

/** From nothing to all, in steps of 1, 2 or 5. */
function steps(most) {
  const rough = (most > 0 ? most : 1) / (MOST_TICKS - 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((it) => it >= rough * 0.999);
  const count = Math.ceil((most > 0 ? most : 1) / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(6)));
}

/** 1, 2, 5 and so on, from below the least to above the most; only powers of ten where those are too many. */
function factors(least, most) {
  for (const kinds of [[1, 2, 5], [1, 3], [1]]) {
    const all = [];
    for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power++) all.push(...kinds.map((kind) => Number((kind * 10 ** power).toPrecision(6))));
    const first = all.findLastIndex((tick) => tick <= least * 1.001);
    const last = all.findIndex((tick) => tick >= most * 0.999);
    const ticks = all.slice(Math.max(first, 0), last + 1);
    if (ticks.length <= MOST_TICKS || kinds.length === 1) return ticks.length > 1 ? ticks : all.slice(Math.max(first, 0), Math.max(first, 0) + 2);
  }
  return [least, most];
}
