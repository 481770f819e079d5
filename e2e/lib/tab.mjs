// Tabs that are really in front or behind another: those of Playwright all believe that they are in front. Driven by Chromium's own protocol.
import { once } from 'node:events';
import WebSocket from 'ws';

/** What Chromium answers (code -32000) while a tab is between two documents: one is gone, or the next is not there yet. */
const BETWEEN_DOCUMENTS = new Set(['Cannot find default execution context', 'Execution context was destroyed.', 'Inspected target navigated or closed']);

export class Tab {
  #port;
  #target;
  #socket;
  #next = 1;

  /** Opens a tab, in front of all others, in a Chromium that was started with `--remote-debugging-port`; its page is there then. */
  static async open(port, url) {
    const response = await fetch(`http://127.0.0.1:${port}/json/new?${encodeURIComponent(url)}`, { method: 'PUT' });
    const target = await response.json();
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    await once(socket, 'open');
    const tab = new Tab(port, target.id, socket);
    await tab.until(`location.href === ${JSON.stringify(new URL(url).href)} && document.readyState !== 'loading'`);
    return tab;
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
      if (BETWEEN_DOCUMENTS.has(answer.error?.message)) throw new BetweenDocuments(answer.error.message);
      if (answer.error || answer.result.exceptionDetails) throw new Error(JSON.stringify(answer));
      return answer.result.result.value;
    }
  }

  /** Waits until an expression is true. While there is no document to ask, it is not true yet. */
  async until(expression, within = 10_000) {
    const end = Date.now() + within;
    while (!(await this.#holds(expression))) {
      if (Date.now() > end) throw new Error(`not within ${within} ms: ${expression}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  async #holds(expression) {
    try {
      return await this.evaluate(`Boolean(${expression})`);
    } catch (error) {
      if (error instanceof BetweenDocuments) return false;
      throw error;
    }
  }

  close() {
    this.#socket.close();
  }
}

/** Nothing could be asked: the tab was between two documents. */
class BetweenDocuments extends Error {}
