// GET of an address that a stranger named, for which the network we stand in must stay out of reach: the name is looked up
// once, every address it has must be a public one, and the connection goes to one of those, so that a second answer of the
// DNS changes nothing. https only, no redirects, ten seconds and a megabyte in all. Rejects with `OutsideError`.
import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import ipaddr from 'ipaddr.js';

export type OutsideGet = (url: string) => Promise<Buffer>;

export type OutsideOptions = {
  /** null = the system's own way. */
  readonly lookup?: LookupFunction | null;
  /** To the address that was checked; the certificate must fit `servername`. */
  readonly connect?: (to: { host: string; port: number; servername: string }) => Socket;
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
};

class OutsideError extends Error {
  override readonly name = 'OutsideError';
}

const PORTS = new Set(['', '443', '8443']);

export function createOutsideGet(options: OutsideOptions = {}): OutsideGet {
  const { lookup, connect = connectTls, timeoutMs = 10_000, maxBytes = 1_000_000 } = options;
  return async text => {
    const url = URL.parse(text);
    if (url?.protocol !== 'https:') throw new OutsideError('not an https:// address');
    if (!PORTS.has(url.port)) throw new OutsideError(`port ${url.port} is not one for https`);
    if (url.username || url.password) throw new OutsideError('has a user or password');
    const signal = AbortSignal.timeout(timeoutMs);
    const address = await within(signal, publicAddress(url.hostname, lookup ?? (systemLookup as LookupFunction)));
    const open = () => connect({ host: address, port: Number(url.port || 443), servername: url.hostname });
    return get(url, open, signal, maxBytes);
  };
}

/** Neither ours nor anybody's private, local, shared, translated or reserved address. */
export function isPublicAddress(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.parse(address).range() === 'unicast';
}

/** One bad address among good ones is how rebinding begins: then none is used. */
async function publicAddress(hostname: string, lookup: LookupFunction): Promise<string> {
  const bare = hostname.replace(/^\[|\]$/g, '');
  const found = isIP(bare) ? [bare] : await addressesOf(bare, lookup);
  const inside = found.find(address => !isPublicAddress(address));
  if (inside !== undefined) throw new OutsideError(`${hostname} is at ${inside}, which is no public address`);
  if (found.length === 0) throw new OutsideError(`${hostname} has no address`);
  return found[0]!;
}

function addressesOf(hostname: string, lookup: LookupFunction): Promise<string[]> {
  return new Promise((resolve, reject) => {
    lookup(hostname, { all: true }, (error, found) => {
      if (error) reject(new OutsideError(`${hostname} was not found`, { cause: error }));
      else resolve((found as LookupAddress[]).map(({ address }) => address));
    });
  });
}

function get(url: URL, open: () => Socket, signal: AbortSignal, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const fail = (why: string, cause?: unknown) => reject(new OutsideError(`${url.hostname}: ${why}`, { cause }));
    // Without `agent`: with one, even `false`, node connects by its own look-up. Without one it takes 80 for the default.
    const asked = request(url, { createConnection: open, defaultPort: 443, signal }, answer => {
      if (answer.statusCode !== 200) {
        fail(`answered ${answer.statusCode}`);
        asked.destroy();
        return;
      }
      collect(answer, maxBytes).then(resolve, error => {
        fail((error as Error).message, error);
        asked.destroy();
      });
    });
    asked.on('error', error => fail(signal.aborted ? 'took too long' : error.message, error));
    asked.end();
  });
}

async function collect(answer: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw new Error(`answered with more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The look-up cannot be taken back, but nobody has to wait for it. */
function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new OutsideError('the look-up took too long')), { once: true });
    work.then(resolve, reject);
  });
}
