// Tabs that are really in front or behind another: those of Playwright all believe that they are in front. Driven by Chromium's own protocol.
import { once } from 'node:events';
import WebSocket from 'ws';

export class Tab {
  #port;
  #target;
  #socket;
  #next = 1;

  /** Opens a tab, in front of all others, in a Chromium that was started with `--remote-debugging-port`. */
  static async open(port, url) {
    const response = await fetch(`http://127.0.0.1:${port}/json/new?${encodeURIComponent(url)}`, { method: 'PUT' });
    const target = await response.json();
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    await once(socket, 'open');
    return new Tab(port, target.id, socket);
  }

  constructor(port, target, socket) {
    this.#port = port;
    this.#target = target;
    this.#socket = socket;
  }

  /** Puts it in front of the others. */
  async toFront() {
    await fetch(`http://127.0.0.1:${this.#port}/json/activate/${this.#target}`);
  }

  /** What an expression becomes in the page, or what its promise does. */
  async evaluate(expression) {
    const id = this.#next++;
    const params = { expression, awaitPromise: true, returnByValue: true };
    this.#socket.send(JSON.stringify({ id, method: 'Runtime.evaluate', params }));
    for (;;) {
      const [message] = await once(this.#socket, 'message');
      const answer = JSON.parse(message);
      if (answer.id !== id) continue;
      if (answer.error || answer.result.exceptionDetails) throw new Error(JSON.stringify(answer));
      return answer.result.result.value;
    }
  }

  /** Waits until an expression is true. */
  async until(expression, within = 10_000) {
    const end = Date.now() + within;
    while (!(await this.evaluate(`Boolean(${expression})`))) {
      if (Date.now() > end) throw new Error(`not within ${within} ms: ${expression}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  close() {
    this.#socket.close();
  }
}
