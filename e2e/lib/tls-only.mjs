// A firewall's proxy: passes a connection on to the host and port that it is told if it begins as TLS does (RFC 8446 section 5.1), and closes it else.
import net from 'node:net';

const TLS_HANDSHAKE = 22;
const [host, port] = process.argv.slice(2);

const proxy = net.createServer((inside) => {
  inside.on('error', () => inside.destroy());
  inside.once('data', (first) => {
    if (first[0] !== TLS_HANDSHAKE) return inside.destroy();
    const outside = net.connect({ host, port: Number(port) }, () => {
      outside.write(first);
      inside.pipe(outside).pipe(inside);
    });
    outside.setNoDelay(true);
    outside.on('error', () => inside.destroy());
    outside.on('close', () => inside.destroy());
    inside.on('close', () => outside.destroy());
  });
  inside.setNoDelay(true);
});
proxy.listen(0, '0.0.0.0', () => process.stdout.write(`${proxy.address().port}\n`));
