// Draws docs/charts/*.svg from what costs.mjs has found: node measure/charts.mjs [COSTS.json]
import fs from 'node:fs';
import path from 'node:path';

import { costChart, delayChart } from '../lib/cost-charts.mjs';

const file = process.argv[2] ?? path.join(import.meta.dirname, '../out/costs.json');
const CHARTS = path.join(import.meta.dirname, '../../docs/charts');

if (!fs.existsSync(file)) {
  process.stderr.write(`there is no ${file}: node measure/costs.mjs growth delay makes it\n`);
  process.exit(2);
}
const { cases } = JSON.parse(fs.readFileSync(file, 'utf8'));
fs.mkdirSync(CHARTS, { recursive: true });
for (const [name, draw] of [['cost', costChart], ['delay', delayChart]]) {
  const svg = draw(cases);
  if (svg) fs.writeFileSync(path.join(CHARTS, `${name}.svg`), svg);
  console.log(svg ? `docs/charts/${name}.svg` : `nothing for ${name} in ${file}`);
}
