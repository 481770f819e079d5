// A server whose TURN part gives back what is sent to two addresses that no socket has, to try TURN clients on.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

import { BINARY, freePort } from './server.mjs';

const ECHO = process.env.PARLOR_TURN_ECHO ?? path.join(path.dirname(BINARY), 'examples', 'turn_echo');
/** Clients that want one for RTCP send to the next port, too. */
const ECHO_PORT = 3480;

export class TurnEcho {
  static async start() {
    const port = await freePort();
    const echoes = ['127.0.0.1', '[::1]'].flatMap((host) => [ECHO_PORT, ECHO_PORT + 1].map((echo) => `${host}:${echo}`));
    const child = spawn(ECHO, [`127.0.0.1:${port}`, ...echoes], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(child.stdout, 'data');
    return Object.assign(new TurnEcho(), { child, port, ...JSON.parse(line) });
  }

  /** Runs coturn's client against it, and returns how many messages of how many to `peer` came back. @param {string[]} args  more of its options */
  async uclient(args, peer = '127.0.0.1') {
    const { port, username, password } = this;
    const options = ['-e', peer, '-r', `${ECHO_PORT}`, '-p', `${port}`, '-u', username, '-w', password, '-n', '50', '-l', '200', '-m', '2'];
    const client = spawn('turnutils_uclient', [...options, ...args, '127.0.0.1'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [client.stdout, client.stderr]) stream.on('data', (text) => (said += text));
    await once(client, 'exit');
    const [sent, received] = [...said.matchAll(/tot_send_msgs=(\d+), tot_recv_msgs=(\d+)/g)].at(-1)?.slice(1).map(Number) ?? [];
    return { sent, received, said };
  }

  async stop() {
    this.child.kill();
    await once(this.child, 'exit');
  }
}
