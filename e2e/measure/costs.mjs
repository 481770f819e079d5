// What a server costs: named cases, each a few runs of parlor-load against a server on a processor of its own.
import fs from 'node:fs';
import path from 'node:path';

import { machine } from '../lib/pinned.mjs';
import { asTable } from '../lib/table.mjs';
import { CASES } from './cases.mjs';

const USAGE = `node measure/costs.mjs [CASE...]     all cases, or these; about a minute each

${Object.entries(CASES).map(([name, { about }]) => `  ${name.padEnd(10)} ${about}`).join('\n')}

It wants nothing else to run: the server has processor 0 and the load tool processor 1 (CORES=2,3 for others). A run that is invalid
is repeated, four times in all (TRIES=1 for another number), and marked if it stays so. Prints a table and writes e2e/out/costs.json, in which cases that are not run stay as they were;
node measure/charts.mjs draws them. First: cargo build --release -p parlor-server -p parlor-load
`;
const OUT = path.join(import.meta.dirname, '../out/costs.json');

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in CASES));
if (unknown.length > 0) {
  const asked = unknown.every((name) => ['-h', '--help'].includes(name));
  (asked ? process.stdout : process.stderr).write(asked ? USAGE : `no such case: ${unknown.join(', ')}\n\n${USAGE}`);
  process.exit(asked ? 0 : 2);
}

const before = fs.existsSync(OUT) ? JSON.parse(fs.readFileSync(OUT, 'utf8')) : { cases: {} };
const found = {};
for (const name of wanted.length > 0 ? wanted : Object.keys(CASES)) {
  const rows = [];
  const note = (row) => {
    rows.push(row);
    process.stderr.write(`${name}: ${row.what}: ${row.failed ?? row.figures.map(({ text }) => text).join('; ')}${row.invalid?.length ? ` (invalid: ${row.invalid.join('; ')})` : ''}\n`);
  };
  await CASES[name].run(note);
  found[name] = { machine: machine(), rows };
  fs.mkdirSync(path.dirname(OUT), { recursive: true });
  fs.writeFileSync(OUT, `${JSON.stringify({ cases: { ...before.cases, ...found } }, null, 1)}\n`);
}
process.stdout.write(asTable(found));
