import assert from "node:assert/strict";
import { test } from "node:test";

import { figure, lineChart } from "../../e2e/lib/chart.mjs";
import { costChart, delayChart, withCharts } from "../../e2e/lib/cost-charts.mjs";
import { asTable } from "../../e2e/lib/table.mjs";

const CHART = {
  title: "Cost & size",
  x: { label: "Subscribers", log: true },
  y: { label: "Server CPU", unit: "µs a packet" },
  series: [
    { name: "paced", points: [[200, 4], [10, 12], [50, 8]] },
    { name: "at <once>", points: [[10, 6.25], [1000, 3]] },
  ],
};

/** Places of the marks of one series, in the order in which they are drawn. */
const places = (svg, index) => [...svg.matchAll(new RegExp(`class="line s${index}" points="([^"]+)"`, "g"))][0][1].split(" ").map((place) => place.split(",").map(Number));

test("a chart is told in words to who does not see it", () => {
  const svg = lineChart(CHART);
  assert.match(svg, /role="img" aria-labelledby="title desc"/);
  assert.match(svg, /<title id="title">Cost &amp; size<\/title>/);
  assert.match(svg, /<desc id="desc">Server CPU \(µs a packet\) against Subscribers. paced: 4 at 200, 12 at 10, 8 at 50. at &lt;once&gt;: 6.3 at 10, 3 at 1,000.<\/desc>/);
});

test("both axes say what they are and in which unit, and values lie between their ticks", () => {
  const svg = lineChart(CHART);
  assert.match(svg, />Subscribers<\/text>/);
  assert.match(svg, />Server CPU \(µs a packet\)<\/text>/);
  const ticks = [...svg.matchAll(/text-anchor="(end|middle)">([\d.,]+)</g)].map(([, anchor, text]) => [anchor, Number(text.replaceAll(",", ""))]);
  const of = (kind) => ticks.filter(([anchor]) => anchor === kind).map(([, value]) => value);
  assert.deepEqual([of("end")[0], of("end").at(-1)], [0, 12]);
  assert.deepEqual([of("middle")[0], of("middle").at(-1)], [10, 1000]);
});

test("points are joined from left to right, more is higher, and equal factors are equally far apart", () => {
  const [ten, fifty, twoHundred] = places(lineChart(CHART), 0);
  assert.ok(ten[0] < fifty[0] && fifty[0] < twoHundred[0]);
  assert.ok(ten[1] < fifty[1] && fifty[1] < twoHundred[1]);
  const evenly = lineChart({ ...CHART, series: [{ name: "a", points: [[1, 1], [10, 1], [100, 1]] }] });
  const [one, two, three] = places(evenly, 0).map(([x]) => x);
  assert.ok(Math.abs(two - one - (three - two)) < 0.3);
});

test("a chart has colours for light and dark, and shapes and dashes for who does not see colours", () => {
  const svg = lineChart(CHART);
  assert.match(svg, /prefers-color-scheme: dark/);
  assert.match(svg, /<circle /);
  assert.match(svg, /<rect x=/);
  assert.match(svg, /stroke-dasharray/);
});

test("one point, none, and nothing but zeros make a chart without a number that is none", () => {
  for (const points of [[[50, 3]], [], [[10, 0], [20, 0]]]) {
    for (const log of [false, true]) {
      const svg = lineChart({ ...CHART, x: { label: "n", log }, series: [{ name: "a", points }] });
      assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
    }
  }
});

test("figures are short", () => {
  assert.deepEqual([1234.6, 12.345, 0.0567, 50, 0].map(figure), ["1,235", "12", "0.057", "50", "0"]);
});

test("charts of costs leave out what was not valid, and are not drawn of nothing", () => {
  const row = (subscribers, ns, more) => ({ kbps: 1500, pace: "paced", subscribers, server: { cpu_ns_per_packet: ns }, ...more });
  const growth = { rows: [row(10, 9000, { invalid: [] }), row(50, 99_000, { invalid: ["the server waited"] }), row(200, 3000), { failed: "no such server" }] };
  assert.match(costChart({ growth }), /1.5 Mbit\/s, paced: 9 at 10, 3 at 200\./);
  assert.equal(costChart({}), null);
  const delay = { rows: [{ load: 0.3, picture_delay_ms: { p50: 0.05, p99: 0.4 } }, { load: 0.71, picture_delay_ms: { p50: 0.09, p99: 1.25 } }] };
  assert.match(delayChart({ delay }), /p50: 0.05 at 30, 0.09 at 71. p99: 0.4 at 30, 1.3 at 71\./);
  assert.equal(delayChart({ delay: { rows: [] } }), null);
});

test("a table has what was wanted beside what was measured, and says what is not to be believed", () => {
  const rows = [
    { what: "a", figures: [{ text: "1 us", target: "2 us" }, { text: "3 ms" }], tries: 4, invalid: ["it | waited"] },
    { what: "b", failed: "no server", figures: [] },
  ];
  assert.deepEqual(asTable({ one: { rows } }).split("\n").slice(2, 4), ["| one | a | 1 us; 3 ms (invalid after 4 tries: it \\| waited) | 2 us |", "| one | b | not measured: no server |  |"]);
});

test("a page shows the charts that there are, again and again, and keeps the rest", () => {
  const svg = lineChart(CHART);
  const begin = "<!-- charts: node measure/charts.mjs writes what is between these lines -->";
  const page = `# A\n\n${begin}\n\n![old](old.svg)\n\n<!-- end of charts -->\n\nB\n`;
  const once = withCharts(page, [{ place: "charts/cost.svg", svg }]);
  assert.equal(once, `# A\n\n${begin}\n\n![Cost &amp; size](charts/cost.svg)\n\n<!-- end of charts -->\n\nB\n`);
  assert.equal(withCharts(once, [{ place: "charts/cost.svg", svg }]), once);
  assert.throws(() => withCharts("no marks", []));
});
