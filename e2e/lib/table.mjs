// Results beside what was wanted, as Markdown.

/** @param {Record<string, { rows: { what: string, figures?: { text: string, target?: string }[], failed?: string, invalid?: string[], tries?: number }[] }>} cases */
export function asTable(cases) {
  const lines = Object.entries(cases).flatMap(([name, { rows }]) => rows.map((row) => line(name, row)));
  return ['| case | what | measured | target |', '|---|---|---|---|', ...lines, ''].join('\n');
}

function line(name, { what, figures = [], failed, invalid = [], tries = 1 }) {
  const measured = failed ? `not measured: ${failed}` : figures.map(({ text }) => text).join('; ');
  const doubt = invalid.length > 0 ? ` (invalid after ${tries} tries: ${invalid.join('; ')})` : '';
  const targets = figures.map(({ target }) => target).filter(Boolean).join('; ');
  return `| ${[name, what, measured + doubt, targets].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
