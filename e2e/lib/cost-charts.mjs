// The charts of docs/performance.md, from the rows of costs.mjs. Rows that stayed invalid are left out.
import { lineChart } from './chart.mjs';

const rowsOf = (cases, name) => (cases[name]?.rows ?? []).filter(({ failed, invalid }) => !failed && !invalid?.length);

/** Server CPU for each packet against subscribers; null if nothing was measured. */
export function costChart(cases) {
  const groups = new Map();
  for (const { kbps, pace, subscribers, server } of rowsOf(cases, 'growth')) {
    const name = `${kbps / 1000} Mbit/s, ${pace}`;
    groups.set(name, [...(groups.get(name) ?? []), [subscribers, server.cpu_ns_per_packet / 1000]]);
  }
  const series = [...groups].map(([name, points]) => ({ name, points }));
  if (series.length === 0) return null;
  return lineChart({ title: 'Server CPU for each forwarded packet, one camera to many', x: { label: 'Subscribers', log: true }, y: { label: 'Server CPU', unit: 'µs a packet' }, series });
}

/** Delay from the publisher's send to the subscriber's kernel, against how busy the server is; null if nothing was measured. */
export function delayChart(cases) {
  const rows = rowsOf(cases, 'delay');
  if (rows.length === 0) return null;
  const series = ['p50', 'p99'].map((name) => ({ name, points: rows.map(({ load, picture_delay_ms }) => [100 * load, picture_delay_ms[name]]) }));
  return lineChart({ title: 'Delay through the server against its load', x: { label: 'Server busy', unit: '% of one processor' }, y: { label: 'Delay', unit: 'ms' }, series });
}

const BEGIN = '<!-- charts: node measure/charts.mjs writes what is between these lines -->';
const END = '<!-- end of charts -->';

/** A page that shows these charts between its two marks, each with its title for who does not see it. */
export function withCharts(page, charts) {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`the page has no lines ${BEGIN} and ${END}`);
  const images = charts.map(({ place, svg }) => `![${/<title[^>]*>([^<]*)/.exec(svg)[1]}](${place})\n\n`).join('');
  return `${page.slice(0, from + BEGIN.length)}\n\n${images}${page.slice(to)}`;
}
