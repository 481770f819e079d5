// What a server tells of each of its media threads.

/**
 * @param {string} origin
 * @param {string} name  of a metric that has the label `thread`
 * @returns {Promise<Map<string, number>>} thread -> value, summed over other labels
 */
export async function byThread(origin, name) {
  const text = await fetch(`${origin}/metrics`).then((reply) => reply.text());
  const values = new Map();
  for (const line of text.split('\n').filter((line) => line.startsWith(`${name}{`))) {
    const thread = /[{,]thread="(\d+)"/.exec(line)?.[1];
    if (thread) values.set(thread, (values.get(thread) ?? 0) + Number(line.slice(line.lastIndexOf(' ') + 1)));
  }
  if (values.size === 0) throw new Error(`the server does not tell ${name}`);
  return values;
}
