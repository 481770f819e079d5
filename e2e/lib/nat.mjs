// A server behind a 1:1 NAT, and its clients behind another: namespaces for the clients, for the router and for the server. Needs root.
import { addNamespace, deleteNamespaces, run, startServer } from './namespace.mjs';

/** The address by which clients reach the server; its own is SERVER (RFC 5737 and RFC 1918). */
export const PUBLIC = '203.0.113.7';
/** The address by which everybody sees the clients; their own is CLIENTS. */
export const PUBLIC_OF_CLIENTS = '203.0.113.9';
const ROUTER_OUTSIDE = '10.81.0.1';
const CLIENTS = '10.81.0.2';
const ROUTER_INSIDE = '10.79.0.1';
const SERVER = '10.79.0.2';

const RULES = `table ip one_to_one {
  chain arriving {
    type nat hook prerouting priority -100;
    ip daddr ${PUBLIC} dnat to ${SERVER}
    ip daddr ${PUBLIC_OF_CLIENTS} dnat to ${CLIENTS}
  }
  chain leaving {
    type nat hook postrouting priority 100;
    ip saddr ${SERVER} snat to ${PUBLIC}
    ip saddr ${CLIENTS} snat to ${PUBLIC_OF_CLIENTS}
  }
}
`;

/** Three namespaces in a row, taken down by `close`. */
export class Nat {
  static open() {
    const nat = new Nat();
    try {
      nat.#build();
    } catch (error) {
      nat.close();
      throw new Error(`network namespaces cannot be made; this story needs root and nftables\n${error.stderr ?? error}`);
    }
    return nat;
  }

  constructor() {
    const name = (role) => `parlor-${role}-${process.pid}`;
    this.clients = name('clients');
    this.router = name('router');
    this.server = name('server');
  }

  #build() {
    for (const namespace of [this.clients, this.router, this.server]) addNamespace(namespace);
    this.#cable('outside', [this.clients, CLIENTS], ROUTER_OUTSIDE);
    this.#cable('inside', [this.server, SERVER], ROUTER_INSIDE);
    run(['ip', 'netns', 'exec', this.router, 'sysctl', '-q', 'net.ipv4.ip_forward=1']);
    // The router answers for the public addresses.
    run(['ip', '-n', this.router, 'address', 'add', `${PUBLIC}/32`, 'dev', 'outside']);
    run(['ip', '-n', this.router, 'address', 'add', `${PUBLIC_OF_CLIENTS}/32`, 'dev', 'inside']);
    run(['ip', 'netns', 'exec', this.router, 'nft', '-f', '-'], RULES);
  }

  /** Connects a namespace to the router, which is its way to everywhere. */
  #cable(side, [namespace, address], router) {
    run(['ip', '-n', this.router, 'link', 'add', side, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace]);
    run(['ip', '-n', this.router, 'address', 'add', `${router}/24`, 'dev', side]);
    run(['ip', '-n', this.router, 'link', 'set', side, 'up']);
    run(['ip', '-n', namespace, 'address', 'add', `${address}/24`, 'dev', 'eth0']);
    run(['ip', '-n', namespace, 'link', 'set', 'eth0', 'up']);
    run(['ip', '-n', namespace, 'route', 'add', 'default', 'via', router]);
  }

  close() {
    deleteNamespaces([this.clients, this.router, this.server]);
  }

  /** Starts the server inside, told of its public address. */
  startServer() {
    return startServer(this.server, PUBLIC);
  }
}
