// Look-ups that also say whether the resolver has validated the answer (DNSSEC, by its AD bit): node's own resolver keeps
// that to itself. Nothing is validated here: the bit is worth as much as the resolver and the way to it, and whoever asks
// has to know that both are trusted. Promises an answer or a rejection within `timeoutMs`, from each server in turn; an
// answer is remembered for as long as it says, an hour at most. Rejects with an error whose `code` is node's.
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { getServers } from 'node:dns';
import { connect as connectTcp, isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { BoundedMap } from './bounded-map.ts';
import type { Clock } from './clock.ts';
import { type DnsReply, decodeReply, encodeQuestion, type WireRecord, type WireType } from './dns-message.ts';

export type Validated = {
  readonly isValidated: boolean;
  /** Of the type asked for, and the aliases on the way. Empty where there is no such record. */
  readonly records: readonly WireRecord[];
  /** There is no such name. */
  readonly isNameAbsent: boolean;
};

export type ValidatedLookup = (name: string, type: WireType) => Promise<Validated>;

export type ValidatedLookupOptions = {
  /** `ip` or `ip:port`; null = those of the system. */
  readonly servers: readonly string[] | null;
  readonly clock: Clock;
  readonly timeoutMs?: number;
};

type Server = { readonly host: string; readonly port: number };

const NXDOMAIN = 3;
const CODES: Readonly<Record<number, string>> = { 1: 'EFORMERR', 2: 'ESERVFAIL', 4: 'ENOTIMP', 5: 'EREFUSED' };
const MAX_REMEMBERED = 2_000;
const LONGEST_FRESH_MS = 3_600_000;
const ABSENT_FRESH_MS = 60_000;
const FAILURE_FRESH_MS = 5_000;

export function createValidatedLookup({ servers, clock, timeoutMs = 3_000 }: ValidatedLookupOptions): ValidatedLookup {
  const remembered = new BoundedMap<string, { until: number; answer: Promise<Validated> }>(MAX_REMEMBERED);
  return (name, type) => {
    const key = `${type} ${name.toLowerCase()}`;
    const known = remembered.get(key);
    if (known && known.until > clock()) return known.answer;
    const found = askEach(serversOf(servers), name, type, timeoutMs);
    const answer = found.then(toAnswer);
    const keep = (forMs: number) => remembered.set(key, { until: clock() + forMs, answer });
    // Whoever asks meanwhile waits for the same answer.
    keep(Number.POSITIVE_INFINITY);
    found.then(
      ({ ttl }) => keep(ttl === null ? ABSENT_FRESH_MS : Math.min(ttl * 1_000, LONGEST_FRESH_MS)),
      () => keep(FAILURE_FRESH_MS),
    );
    return answer;
  };
}

/** Whether each of them is on this machine, so that nobody on the way can set the bit. */
export function areServersLocal(servers: readonly string[] | null): boolean {
  return serversOf(servers).every(({ host }) => ipaddr.process(host).range() === 'loopback');
}

function serversOf(servers: readonly string[] | null): Server[] {
  return (servers?.length ? servers : getServers()).map(text => {
    if (isIP(text)) return { host: text, port: 53 };
    const at = text.lastIndexOf(':');
    return { host: text.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(text.slice(at + 1)) };
  });
}

function toAnswer({ code, isValidated, records }: DnsReply): Validated {
  return { isValidated, records, isNameAbsent: code === NXDOMAIN };
}

/** The first one that knows; SERVFAIL, which is also what a forged answer comes to, is asked of the others too. */
async function askEach(servers: readonly Server[], name: string, type: WireType, timeoutMs: number): Promise<DnsReply> {
  let failed: Error = failure('ENODATA', name);
  for (const server of servers) {
    try {
      const reply = await ask(server, name, type, Math.ceil(timeoutMs / servers.length));
      if (reply.code === 0 || reply.code === NXDOMAIN) return reply;
      failed = failure(CODES[reply.code] ?? 'EBADRESP', name);
    } catch (error) {
      failed = 'code' in (error as Error) ? (error as Error) : failure('EBADRESP', name, error);
    }
  }
  throw failed;
}

async function ask(server: Server, name: string, type: WireType, timeoutMs: number): Promise<DnsReply> {
  const id = randomInt(0x10000);
  const question = encodeQuestion(id, name, type);
  const decode = (message: Buffer) => decodeReply(message, id, name, type);
  const signal = AbortSignal.timeout(timeoutMs);
  const reply = await overUdp(server, question, decode, signal, name);
  return reply.isTruncated ? overTcp(server, question, decode, signal, name) : reply;
}

type Decode = (message: Buffer) => DnsReply | null;

/** A connected socket hears that server only; what fits no question is somebody's guess, and is passed over. */
function overUdp({ host, port }: Server, question: Buffer, decode: Decode, signal: AbortSignal, name: string) {
  return new Promise<DnsReply>((resolve, reject) => {
    const socket = createSocket(isIP(host) === 6 ? 'udp6' : 'udp4');
    const close = (how: () => void) => {
      signal.removeEventListener('abort', late);
      // An error may still come behind a close, and would be nobody's.
      socket.removeAllListeners().on('error', () => undefined);
      socket.close();
      how();
    };
    const late = () => close(() => reject(failure('ETIMEOUT', name)));
    signal.addEventListener('abort', late, { once: true });
    socket.on('error', error => close(() => reject(error)));
    socket.on('message', message => {
      try {
        const reply = decode(message);
        if (reply) close(() => resolve(reply));
      } catch (error) {
        close(() => reject(failure('EBADRESP', name, error)));
      }
    });
    socket.connect(port, host, () => socket.send(question));
  });
}

/** Each message behind two bytes of length (RFC 1035 section 4.2.2). */
async function overTcp({ host, port }: Server, question: Buffer, decode: Decode, signal: AbortSignal, name: string) {
  const socket = connectTcp({ host, port, signal });
  try {
    socket.write(Buffer.concat([Buffer.of(question.length >> 8, question.length & 0xff), question]));
    let received = Buffer.alloc(0);
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) continue;
      const reply = decode(received.subarray(2, 2 + received.readUInt16BE(0)));
      if (reply && !reply.isTruncated) return reply;
      break;
    }
    throw failure('EBADRESP', name);
  } catch (error) {
    throw signal.aborted ? failure('ETIMEOUT', name) : error;
  } finally {
    socket.destroy();
  }
}

function failure(code: string, name: string, cause?: unknown): Error {
  return Object.assign(new Error(`DNS look-up of ${name} failed: ${code}`, { cause }), { code });
}
