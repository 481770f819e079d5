// Programs that end with this one, however it ends.
import os from 'node:os';

const children = new Set();

process.on('exit', () => children.forEach((child) => child.kill()));
// Without a handler a signal ends this program before it can end others.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(128 + os.constants.signals[signal]));

/** @template {import('node:child_process').ChildProcess} Child @param {Child} child @returns {Child} the same */
export function endsWithUs(child) {
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}
