// SOCKS5 (RFC 1928) with user and password (RFC 1929), on a socket that is connected to the proxy. It reads to the byte:
// what the host behind the proxy says may come in the same packet as the proxy's last words, and the `socks` package,
// which we have through imapflow, drops it: a banner lost is a session that hangs.
import { isIP, type Socket } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { SocksProxy } from '../../src/platform/url-parameters.ts';

const VERSION = 5;
const NO_LOGIN = 0;
const USER_AND_PASSWORD = 2;
const REFUSALS: Readonly<Record<number, string>> = {
  1: 'general failure',
  2: 'not allowed',
  3: 'network unreachable',
  4: 'host unreachable',
  5: 'connection refused',
  6: 'TTL expired',
  7: 'command not supported',
  8: 'address type not supported',
};

/** Afterwards the socket is one to that host. Rejects when the proxy will not, or goes away. */
export async function connectThrough(socket: Socket, proxy: SocksProxy, host: string, port: number): Promise<void> {
  const methods = proxy.user === null ? [NO_LOGIN] : [NO_LOGIN, USER_AND_PASSWORD];
  socket.write(Buffer.of(VERSION, methods.length, ...methods));
  const [version, method] = await read(socket, 2);
  if (version !== VERSION) throw new Error('proxy: does not speak SOCKS5');
  if (!methods.includes(method!)) throw new Error('proxy: wants another kind of login');
  if (method === USER_AND_PASSWORD) await logIn(socket, proxy);
  socket.write(Buffer.concat([Buffer.of(VERSION, 1, 0), encodeHost(host), Buffer.of(port >> 8, port & 0xff)]));
  const [, outcome, , addressType] = await read(socket, 4);
  if (outcome !== 0) throw new Error(`proxy: ${REFUSALS[outcome!] ?? `failure ${outcome}`}`);
  await skipAddress(socket, addressType!);
}

async function logIn(socket: Socket, { user, password }: SocksProxy): Promise<void> {
  const [name, secret] = [Buffer.from(user ?? ''), Buffer.from(password ?? '')];
  socket.write(Buffer.concat([Buffer.of(1, name.length), name, Buffer.of(secret.length), secret]));
  const [, outcome] = await read(socket, 2);
  if (outcome !== 0) throw new Error('proxy: login refused');
}

/** A name is the proxy's to look up: it may know what we cannot. */
function encodeHost(host: string): Buffer {
  const type = { 0: 3, 4: 1, 6: 4 }[isIP(host)]!;
  if (type !== 3) return Buffer.of(type, ...ipaddr.parse(host).toByteArray());
  return Buffer.concat([Buffer.of(type, Buffer.byteLength(host)), Buffer.from(host)]);
}

/** The address that the proxy goes out from, and its port. */
async function skipAddress(socket: Socket, type: number): Promise<void> {
  const length = type === 1 ? 4 : type === 4 ? 16 : type === 3 ? (await read(socket, 1))[0]! : null;
  if (length === null) throw new Error('proxy: unknown address type');
  await read(socket, length + 2);
}

/** Exactly so many bytes; the rest stays in the socket. Whoever destroys the socket ends the wait. */
function read(socket: Socket, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const take = () => {
      const bytes = socket.read(length) as Buffer | null;
      // At the end of the stream `read` gives what there is, however little.
      if (bytes !== null && bytes.length === length) settle(() => resolve(bytes));
      else if (bytes !== null) gone();
    };
    const gone = () => settle(() => reject(new Error('proxy: connection closed')));
    const settle = (how: () => void) => {
      socket.off('readable', take).off('close', gone).off('end', gone);
      how();
    };
    socket.on('readable', take).on('close', gone).on('end', gone);
    take();
  });
}
