// A TCP cable between browser and server that a test can cut; media goes by UDP beside it.
import net from 'node:net';
import { once } from 'node:events';

export class Proxy {
  #server;
  #pairs = new Set();
  #open = true;

  static async start(port) {
    const proxy = new Proxy(port);
    await once(proxy.#server, 'listening');
    proxy.port = proxy.#server.address().port;
    proxy.origin = `http://localhost:${proxy.port}`;
    return proxy;
  }

  constructor(port) {
    this.#server = net.createServer((near) => {
      if (!this.#open) return near.destroy();
      const far = net.connect(port, '127.0.0.1');
      const pair = { near, far };
      this.#pairs.add(pair);
      near.pipe(far).pipe(near);
      for (const end of [near, far]) {
        end.on('error', () => {});
        end.on('close', () => {
          near.destroy();
          far.destroy();
          this.#pairs.delete(pair);
        });
      }
    });
    this.#server.listen(0, '127.0.0.1');
  }

  /** Every connection breaks now; new ones are refused until `mend`. */
  cut() {
    this.#open = false;
    for (const { near, far } of this.#pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  mend() {
    this.#open = true;
  }

  async close() {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
