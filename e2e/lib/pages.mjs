// Pages of somebody else, on a server of their own: bundled by esbuild with the libraries that a story names.
import http from 'node:http';
import { once } from 'node:events';
import path from 'node:path';
import { build } from 'esbuild';

const ROOT = path.join(import.meta.dirname, '..', 'membrane');

/** A static server of one page for each pair of libraries. */
export class Pages {
  static async start() {
    const pages = new Pages();
    pages.server = http.createServer((request, response) => pages.#answer(request, response)).listen(0, '127.0.0.1');
    await once(pages.server, 'listening');
    pages.origin = `http://localhost:${pages.server.address().port}`;
    return pages;
  }

  #scripts = new Map();

  /** Where the page is that is built with these libraries. */
  async with({ phoenix = 'phoenix', webrtc = '@jellyfish-dev/membrane-webrtc-js' } = {}) {
    const name = `/${phoenix}-${webrtc.replaceAll(/[@/]/g, '')}`;
    if (!this.#scripts.has(name)) {
      const { outputFiles } = await build({
        entryPoints: [path.join(ROOT, 'room.js')],
        bundle: true,
        write: false,
        format: 'esm',
        alias: { phoenix, '@jellyfish-dev/membrane-webrtc-js': webrtc },
      });
      this.#scripts.set(name, outputFiles[0].text);
    }
    return `${this.origin}${name}`;
  }

  #answer(request, response) {
    const { pathname } = new URL(request.url, this.origin);
    if (pathname === '/favicon.ico') return response.writeHead(204).end();
    const script = this.#scripts.get(pathname.replace(/\.js$/, ''));
    if (!script) return response.writeHead(404).end();
    if (pathname.endsWith('.js')) return response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
    const page = `<!doctype html><title>A room</title><script type="module" src="${pathname}.js"></script>`;
    response.writeHead(200, { 'content-type': 'text/html' }).end(page);
  }

  async stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
