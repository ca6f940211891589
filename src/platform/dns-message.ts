// DNS messages (RFC 1035 section 4) as far as a question with its answer goes: for what node:dns does not tell, which is
// whether the resolver has validated an answer (the AD bit, RFC 4035 section 3.2.3). Reads bytes that a stranger may have
// sent: everything is bounded, and whatever does not fit throws.
import ipaddr from 'ipaddr.js';

export type WireType = 'A' | 'AAAA' | 'CNAME' | 'MX' | 'TLSA';

export type WireRecord =
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'CNAME'; readonly target: string }
  | { readonly type: 'MX'; readonly priority: number; readonly exchange: string }
  | {
      readonly type: 'TLSA';
      readonly usage: number;
      readonly selector: number;
      readonly matching: number;
      readonly data: Buffer;
    };

export type DnsReply = {
  readonly code: number;
  /** The resolver says that it has validated all of it. */
  readonly isValidated: boolean;
  /** It did not fit: to be asked again over TCP. */
  readonly isTruncated: boolean;
  readonly records: readonly WireRecord[];
  /** Of the records, in seconds; null without any. */
  readonly ttl: number | null;
};

const TYPES: Readonly<Record<WireType, number>> = { A: 1, CNAME: 5, MX: 15, AAAA: 28, TLSA: 52 };
const INTERNET = 1;
const MAX_RECORDS = 100;
/** What fits through everywhere (DNS flag day 2020). */
const UDP_PAYLOAD = 1_232;

/** Asks for recursion, and to be told by AD (RFC 6840 section 5.7). */
export function encodeQuestion(id: number, name: string, type: WireType): Buffer {
  const header = words(id, 0x0120, 1, 0, 0, 1);
  // EDNS (RFC 6891): the root's name, OPT, the size that we take.
  const options = Buffer.concat([Buffer.of(0), words(41, UDP_PAYLOAD, 0, 0, 0)]);
  return Buffer.concat([header, encodeName(name), words(TYPES[type], INTERNET), options]);
}

/** null when it is no answer to this question. Throws when it cannot be read. */
export function decodeReply(message: Buffer, id: number, name: string, type: WireType): DnsReply | null {
  const question = encodeName(name);
  const end = 12 + question.length + 4;
  if (message.length < end || message.readUInt16BE(0) !== id || message.readUInt16BE(4) !== 1) return null;
  const flags = message.readUInt16BE(2);
  const echoed = message.subarray(12, 12 + question.length);
  if ((flags & 0x8000) === 0 || echoed.toString('latin1').toLowerCase() !== question.toString('latin1').toLowerCase()) {
    return null;
  }
  if (message.readUInt16BE(end - 4) !== TYPES[type]) return null;
  const isTruncated = (flags & 0x0200) !== 0;
  const answers = isTruncated ? [] : readAnswers(message, end, message.readUInt16BE(6));
  return {
    code: flags & 0xf,
    isValidated: (flags & 0x0020) !== 0,
    isTruncated,
    records: answers.map(({ record }) => record).filter(record => record.type === type || record.type === 'CNAME'),
    ttl: answers.length === 0 ? null : Math.min(...answers.map(({ ttl }) => ttl)),
  };
}

type Answer = { readonly ttl: number; readonly record: WireRecord };

function readAnswers(message: Buffer, start: number, count: number): Answer[] {
  const answers: Answer[] = [];
  let at = start;
  for (let i = 0; i < Math.min(count, MAX_RECORDS); i += 1) {
    at = readName(message, at).end;
    const [type, ttl, length] = [message.readUInt16BE(at), message.readUInt32BE(at + 4), message.readUInt16BE(at + 8)];
    const end = at + 10 + length;
    if (end > message.length) throw new Error('a record beyond the end of the DNS message');
    const record = readRecord(message, type, at + 10, end);
    if (record) answers.push({ ttl, record });
    at = end;
  }
  return answers;
}

/** null for types that nobody asked for. */
function readRecord(message: Buffer, type: number, start: number, end: number): WireRecord | null {
  const data = message.subarray(start, end);
  switch (type) {
    case TYPES.A:
    case TYPES.AAAA: {
      if (data.length !== (type === TYPES.A ? 4 : 16)) throw new Error('an address of another length');
      return { type: type === TYPES.A ? 'A' : 'AAAA', address: ipaddr.fromByteArray([...data]).toString() };
    }
    case TYPES.CNAME:
      return { type: 'CNAME', target: readName(message, start).name };
    case TYPES.MX:
      return { type: 'MX', priority: data.readUInt16BE(0), exchange: readName(message, start + 2).name };
    case TYPES.TLSA: {
      const [usage, selector, matching] = [data.readUInt8(0), data.readUInt8(1), data.readUInt8(2)];
      return { type: 'TLSA', usage, selector, matching, data: Buffer.from(data.subarray(3)) };
    }
    default:
      return null;
  }
}

/** Compressed names point back (section 4.1.4), and only so: then none goes round. */
function readName(message: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = start;
  let end: number | null = null;
  let bytes = 0;
  for (;;) {
    const length = message.readUInt8(at);
    if (length >= 0xc0) {
      const target = message.readUInt16BE(at) & 0x3fff;
      if (target >= at) throw new Error('a DNS name that points forward');
      end ??= at + 2;
      at = target;
      bytes += 1;
    } else if (length > 63) throw new Error('a DNS label of an unknown kind');
    else if (length === 0) return { name: labels.join('.'), end: end ?? at + 1 };
    else {
      if (at + 1 + length > message.length) throw new Error('a DNS name beyond the end of the message');
      labels.push(message.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
      bytes += 1 + length;
    }
    if (bytes > 255) throw new Error('a DNS name longer than 255 bytes');
  }
}

function encodeName(name: string): Buffer {
  const labels = name.split('.').filter(Boolean);
  if (name.length > 253 || labels.some(label => label.length > 63)) throw new Error(`${name} is no DNS name`);
  return Buffer.concat([
    ...labels.map(label => Buffer.concat([Buffer.of(label.length), Buffer.from(label, 'latin1')])),
    Buffer.of(0),
  ]);
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  values.forEach((value, i) => {
    bytes.writeUInt16BE(value, i * 2);
  });
  return bytes;
}
