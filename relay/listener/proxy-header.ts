// What a load balancer says in front of a connection: who the client is (the PROXY protocol of HAProxy, versions 1 and
// 2). smtp-server's own reader knows version 1 alone, takes ten times the longest line and waits for five minutes.
// Strict: a balancer that says something else is misconfigured, and its clients would all look like itself.
import { isIPv4, isIPv6, type Socket } from 'node:net';
import ipaddr from 'ipaddr.js';

export type Client = { readonly address: string; readonly port: number };

export type ProxyHeader =
  | { readonly kind: 'more' }
  | { readonly kind: 'malformed' }
  /** `client` is null when the balancer speaks for itself (LOCAL: a health check) or does not know (UNKNOWN). */
  | { readonly kind: 'header'; readonly length: number; readonly client: Client | null };

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V1 = Buffer.from('PROXY ', 'latin1');
/** Section 2.1: the longest line of version 1, CRLF included. */
const MAX_V1 = 107;
/** Signature, version and command, family and protocol, length of the rest. */
const V2_FIXED = 16;
/** Addresses, and as much of what balancers append (TLS and cloud facts) as any is known to send. */
const MAX_V2_REST = 4_096;

const MORE: ProxyHeader = { kind: 'more' };
const MALFORMED: ProxyHeader = { kind: 'malformed' };

/** `bytes`: all that has come so far. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (isBeginningOf(V1, bytes)) return bytes.length < V1.length ? MORE : parseV1(bytes);
  if (isBeginningOf(SIGNATURE, bytes)) return bytes.length < V2_FIXED ? MORE : parseV2(bytes);
  return MALFORMED;
}

/** Takes the header off the socket and leaves what follows it there; null when there is none in time. */
export function readProxyHeader(socket: Socket, withinMs: number): Promise<{ client: Client | null } | null> {
  return new Promise(resolve => {
    let bytes: Buffer = Buffer.alloc(0);
    const settle = (result: { client: Client | null } | null) => {
      clearTimeout(timer);
      socket.removeListener('readable', onReadable);
      for (const event of ['end', 'close', 'error']) socket.removeListener(event, onEnd);
      resolve(result);
    };
    const onEnd = () => settle(null);
    const onReadable = () => {
      const chunk: Buffer | null = socket.read();
      if (chunk === null) return;
      bytes = Buffer.concat([bytes, chunk]);
      const header = parseProxyHeader(bytes);
      if (header.kind === 'malformed') settle(null);
      if (header.kind !== 'header') return;
      if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length));
      settle({ client: header.client });
    };
    const timer = setTimeout(onEnd, withinMs).unref();
    socket.on('readable', onReadable);
    for (const event of ['end', 'close', 'error']) socket.on(event, onEnd);
  });
}

function isBeginningOf(whole: Buffer, bytes: Buffer): boolean {
  const length = Math.min(whole.length, bytes.length);
  return whole.subarray(0, length).equals(bytes.subarray(0, length));
}

function parseV1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, MAX_V1).indexOf('\r\n');
  if (end < 0) return bytes.length < MAX_V1 ? MORE : MALFORMED;
  const line = bytes.toString('latin1', 0, end);
  const header = (client: Client | null): ProxyHeader => ({ kind: 'header', length: end + 2, client });
  if (/^PROXY UNKNOWN(?: [\x20-\x7e]*)?$/.test(line)) return header(null);
  const match = /^PROXY (TCP4|TCP6) ([\d.a-fA-F:]+) ([\d.a-fA-F:]+) (\d{1,5}) (\d{1,5})$/.exec(line);
  if (!match) return MALFORMED;
  const [, family, source, destination, port, destinationPort] = match as unknown as string[];
  const isAddress = family === 'TCP4' ? isIPv4 : isIPv6;
  if (!isAddress(source!) || !isAddress(destination!)) return MALFORMED;
  if (Number(port) > 65_535 || Number(destinationPort) > 65_535) return MALFORMED;
  return header({ address: ipaddr.process(source!).toString(), port: Number(port) });
}

function parseV2(bytes: Buffer): ProxyHeader {
  const command = bytes[12]!;
  const family = bytes[13]!;
  const rest = bytes.readUInt16BE(14);
  const isLocal = command === 0x20;
  if ((!isLocal && command !== 0x21) || rest > MAX_V2_REST) return MALFORMED;
  // TCP over IPv4 and IPv6; anything else but "unspecified" and Unix sockets is not what mail comes over.
  const addressBytes = { 17: 4, 33: 16 }[family] ?? null;
  const isWithoutAddress = isLocal || family === 0x00 || family === 0x31;
  if (!isWithoutAddress && (addressBytes === null || rest < 2 * addressBytes + 4)) return MALFORMED;
  const length = V2_FIXED + rest;
  if (bytes.length < length) return MORE;
  if (isWithoutAddress) return { kind: 'header', length, client: null };
  const address = [...bytes.subarray(V2_FIXED, V2_FIXED + addressBytes!)];
  return {
    kind: 'header',
    length,
    client: {
      address: ipaddr.process(ipaddr.fromByteArray(address).toString()).toString(),
      port: bytes.readUInt16BE(V2_FIXED + 2 * addressBytes!),
    },
  };
}
