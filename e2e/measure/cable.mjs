// What somebody sees over a cable, second by second: node measure/cable.mjs CABLE [SECONDS [THEN]] (as root)
// CABLE and THEN, which takes its place after half the time, are as '{"down":{"kbps":400},"up":{"delay_ms":75}}'; what they leave out is a good one.
import { openChromium } from '../lib/browsers.mjs';
import { Cables, GOOD, HUB } from '../lib/cable.mjs';
import { WIDE } from '../lib/pattern.mjs';
import { Person } from '../lib/person.mjs';
import { beginTestimony, takeTestimony } from '../lib/testimony.mjs';

const [cable, seconds, then] = [JSON.parse(process.argv[2] ?? '{}'), Number(process.argv[3] ?? 20), JSON.parse(process.argv[4] ?? 'null')];
const both = ({ down, up }) => ({ down: { ...GOOD, ...down }, up: { ...GOOD, ...up } });

const cables = await Cables.open(['ann', 'bo']);
const browsers = [];
let server;
try {
  await cables.set('ann', both({}));
  await cables.set('bo', both(cable));
  server = await cables.startServer();
  const join = async (id, namespace, options) => {
    const browser = await openChromium({ id, picture: id === 1 ? WIDE : undefined, namespace, hosts: [HUB] });
    browsers.push(browser);
    const page = await browser.page({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 800 } });
    return Person.join(browser, server, { page, ...options });
  };
  const ann = await join(1, cables.namespaces.ann, {});
  const bo = await join(2, cables.namespaces.bo, { camera: false, microphone: false });
  await bo.tile(ann).hover();
  await bo.tile(ann).getByTestId('pin').click();
  await Promise.all([ann, bo].map(beginTestimony));
  await cables.counts('bo');
  for (let second = 1; second <= seconds; second++) {
    if (then && second === Math.ceil(seconds / 2)) await cables.set('bo', both(then));
    await new Promise((done) => setTimeout(done, 1000));
    const { down } = await cables.counts('bo');
    const [sent, seen] = await Promise.all([ann, bo].map(takeTestimony));
    console.log(`${second} s: carried ${Math.round((down.bytes * 8) / 1000)} kbit/s, dropped ${down.dropped}, queue ${down.longest_queue_ms} ms; ${seen.of(ann).summary()}`);
    console.log(`   Ann sends ${sent.layers()}`);
  }
} finally {
  for (const browser of browsers) await browser.close();
  await server?.stop();
  await cables.close();
}
