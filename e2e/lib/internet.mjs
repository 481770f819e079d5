// A home, its router, and the world with a server in it: network namespaces in a row, with whatever is between them. They need root.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

import { Authority } from './authority.mjs';
import { endsWithUs } from './children.mjs';
import { addNamespace, deleteNamespaces, nameHost, run, startServer } from './namespace.mjs';

/** Where the server is (RFC 5737, RFC 3849), and nothing of it is translated. */
export const WORLD = '203.0.113.7';
export const WORLD_V6 = '2001:db8:7::7';
/** The name of both: Firefox asks TURN over TLS by name alone. */
export const NAME = 'parlor.test';
const ROUTER = { outside: '203.0.113.1', wifi: '10.78.0.1', mobile: '10.78.1.1' };
const HOME = { wifi: '10.78.0.2', mobile: '10.78.1.2' };
const ROUTER_V6 = { outside: '2001:db8:7::1', wifi: 'fd78::1' };
const HOME_V6 = 'fd78::2';

/** Each new destination is another stranger to it: what a STUN server sees of a client is of no use to anybody else. */
export const SYMMETRIC_NAT = `table ip nat {
  chain leaving {
    type nat hook postrouting priority 100;
    oifname "outside" masquerade random,fully-random
  }
  chain arriving {
    type filter hook input priority 0;
    iifname "outside" ct state new drop
  }
}
`;

/** What a firewall lets out, as the conditions of nftables; answers come in. */
export const letsOut = (...conditions) => `table inet firewall {
  chain passing {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    ${conditions.map((condition) => `iifname "wifi" ${condition} accept`).join('\n    ')}
  }
}
`;

/** A firewall that looks at what connections begin with gets those to `port` on its own. */
const intercepts = (port, at) => `table ip proxy {
  chain arriving {
    type nat hook prerouting priority -100;
    iifname "wifi" tcp dport ${port} redirect to :${at}
  }
}
`;

/** The namespaces, taken down by `close`. */
export class Internet {
  #children = [];

  /** @param {{ rules?: string, ipv6?: boolean, links?: string[] }} options  `rules`: of the router, for nftables; `ipv6`: instead of IPv4; `links`: of the home */
  static open({ rules = '', ipv6 = false, links = ['wifi'] } = {}) {
    const internet = new Internet();
    try {
      internet.#build(ipv6, links);
      if (rules) internet.setRules(rules);
    } catch (error) {
      internet.close();
      throw new Error(`network namespaces cannot be made; this story needs root and nftables\n${error.stderr ?? error}`);
    }
    return internet;
  }

  constructor() {
    this.authority = new Authority(NAME, WORLD, WORLD_V6);
    const name = (role) => `parlor-${role}-${process.pid}`;
    [this.home, this.router, this.world] = ['home', 'gate', 'world'].map(name);
  }

  #build(ipv6, links) {
    for (const namespace of [this.home, this.router, this.world]) {
      addNamespace(namespace, { ipv6 });
      nameHost(namespace, NAME, ipv6 ? WORLD_V6 : WORLD);
    }
    if (ipv6) {
      this.#cable('outside', this.world, 'eth0', [`${ROUTER_V6.outside}/64`, `${WORLD_V6}/64`]);
      this.#cable('wifi', this.home, 'wifi', [`${ROUTER_V6.wifi}/64`, `${HOME_V6}/64`]);
      run(['ip', '-n', this.home, '-6', 'route', 'add', 'default', 'via', ROUTER_V6.wifi]);
      run(['ip', '-n', this.world, '-6', 'route', 'add', 'default', 'via', ROUTER_V6.outside]);
      this.#inRouter('sysctl', '-q', 'net.ipv6.conf.all.forwarding=1');
      return;
    }
    this.#cable('outside', this.world, 'eth0', [`${ROUTER.outside}/24`, `${WORLD}/24`]);
    run(['ip', '-n', this.world, 'route', 'add', 'default', 'via', ROUTER.outside]);
    links.forEach((link, metric) => {
      this.#cable(link, this.home, link, [`${ROUTER[link]}/24`, `${HOME[link]}/24`]);
      run(['ip', '-n', this.home, 'route', 'add', 'default', 'via', ROUTER[link], 'metric', `${metric + 1}`]);
    });
    this.#inRouter('sysctl', '-q', 'net.ipv4.ip_forward=1');
  }

  /** Connects a namespace to the router. */
  #cable(side, namespace, device, [ours, theirs]) {
    run(['ip', '-n', this.router, 'link', 'add', side, 'type', 'veth', 'peer', 'name', device, 'netns', namespace]);
    for (const [where, name, address] of [[this.router, side, ours], [namespace, device, theirs]]) {
      run(['ip', '-n', where, 'address', 'add', address, 'dev', name, ...(address.includes(':') ? ['nodad'] : [])]);
      run(['ip', '-n', where, 'link', 'set', name, 'up']);
    }
  }

  #inRouter(...command) {
    return run(['ip', 'netns', 'exec', this.router, ...command]);
  }

  /** What the router does, in place of what it did. */
  setRules(rules) {
    this.#endChildren();
    run(['ip', 'netns', 'exec', this.router, 'nft', '-f', '-'], `flush ruleset\n${rules}`);
  }

  /** The router forgets which of its ports is whose, and gives out others, as after a restart. */
  forgetMappings() {
    this.#inRouter('conntrack', '-D', '-p', 'udp');
  }

  /** Cuts one of the home's links, or mends it. */
  setLink(link, up) {
    run(['ip', '-n', this.home, 'link', 'set', link, up ? 'up' : 'down']);
  }

  /** From now on, connections to `port` of the server pass only if they begin as TLS does. */
  async letOutOnlyTls(port) {
    const proxy = endsWithUs(spawn('ip', ['netns', 'exec', this.router, process.execPath, path.join(import.meta.dirname, 'tls-only.mjs'), WORLD, `${port}`], { stdio: ['ignore', 'pipe', 'inherit'] }));
    const [line] = await once(proxy.stdout, 'data');
    this.setRules(letsOut('icmp type echo-request') + intercepts(port, Number(line)));
    this.#children.push(proxy);
  }

  /** What looked at connections looks at none any more. */
  #endChildren() {
    for (const child of this.#children.splice(0)) child.kill();
  }

  close() {
    this.#endChildren();
    deleteNamespaces([this.home, this.router, this.world]);
    this.authority.close();
  }

  /** Starts the server in the world, with a certificate of the authority. @param {{ port?: number, ipv6?: boolean }} options */
  startServer({ port = 4000, ipv6 = false } = {}) {
    const { authority } = this;
    return ipv6 ? startServer(this.world, WORLD_V6, { listen: '[::]', port, authority, name: NAME }) : startServer(this.world, WORLD, { port, authority, name: NAME });
  }
}
