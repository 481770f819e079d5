// Draws docs/charts/*.svg from what costs.mjs has found, and shows those that there are in docs/performance.md: node measure/charts.mjs [COSTS.json]
import fs from 'node:fs';
import path from 'node:path';

import { costChart, delayChart, withCharts } from '../lib/cost-charts.mjs';

const file = process.argv[2] ?? path.join(import.meta.dirname, '../out/costs.json');
const DOCS = path.join(import.meta.dirname, '../../docs');
const PAGE = path.join(DOCS, 'performance.md');
const CHARTS = { cost: costChart, delay: delayChart };

if (!fs.existsSync(file)) {
  process.stderr.write(`there is no ${file}: node measure/costs.mjs growth delay makes it\n`);
  process.exit(2);
}
const { cases } = JSON.parse(fs.readFileSync(file, 'utf8'));
fs.mkdirSync(path.join(DOCS, 'charts'), { recursive: true });
const shown = [];
for (const [name, draw] of Object.entries(CHARTS)) {
  const place = path.join(DOCS, 'charts', `${name}.svg`);
  const svg = draw(cases);
  if (svg) fs.writeFileSync(place, svg);
  console.log(svg ? `docs/charts/${name}.svg` : `nothing for ${name} in ${file}`);
  if (fs.existsSync(place)) shown.push({ place: `charts/${name}.svg`, svg: fs.readFileSync(place, 'utf8') });
}
fs.writeFileSync(PAGE, withCharts(fs.readFileSync(PAGE, 'utf8'), shown));
