// A certificate authority of this test's own, for what `ignoreHTTPSErrors` does not cover: browsers take its certificates for good where they are told to.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const quietly = { stdio: 'pipe' };

/** An authority and a certificate that it gave to some names and IP addresses. */
export class Authority {
  constructor(...hosts) {
    this.directory = mkdtempSync(path.join(os.tmpdir(), 'parlor-authority-'));
    const file = (name) => path.join(this.directory, name);
    [this.root, this.certificate, this.key] = ['root.pem', 'certificate.pem', 'key.pem'].map(file);
    execFileSync('openssl', ['req', '-x509', ...KEY, '-keyout', file('root-key.pem'), '-out', this.root, '-days', '2', '-subj', '/CN=Parlor tests',
      '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign'], quietly);
    execFileSync('openssl', ['req', ...KEY, '-keyout', this.key, '-out', file('request.pem'), '-subj', '/CN=parlor'], quietly);
    writeFileSync(file('extensions'), `subjectAltName=${hosts.map((host) => `${net.isIP(host) ? 'IP' : 'DNS'}:${host}`).join(',')}\nextendedKeyUsage=serverAuth\n`);
    execFileSync('openssl', ['x509', '-req', '-in', file('request.pem'), '-CA', this.root, '-CAkey', file('root-key.pem'), '-CAcreateserial',
      '-out', this.certificate, '-days', '2', '-extfile', file('extensions')], quietly);
  }

  close() {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Puts an authority into the store of NSS in a directory, which is made if there is none. */
export function trust(store, root) {
  mkdirSync(store, { recursive: true });
  execFileSync('certutil', ['-d', `sql:${store}`, '-N', '--empty-password'], quietly);
  execFileSync('certutil', ['-d', `sql:${store}`, '-A', '-n', 'parlor', '-t', 'C,,', '-i', root], quietly);
}
