// A name server on loopback that says what the test tells it to: records, aliases followed as a resolver would, SERVFAIL,
// REFUSED, nonsense, or nothing at all. It writes down what it was asked.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, isIPv4, type Server } from 'node:net';

export type Zone = Record<string, Records | Behaviour>;
export type Behaviour = 'servfail' | 'refused' | 'silent' | 'garbage';
export type Records = {
  /** A string is cut into character-strings of 255 bytes. */
  readonly TXT?: readonly string[];
  readonly A?: readonly string[];
  readonly AAAA?: readonly string[];
  readonly MX?: readonly { readonly priority: number; readonly exchange: string }[];
  readonly PTR?: readonly string[];
  readonly CNAME?: string;
  readonly TLSA?: readonly {
    readonly usage: number;
    readonly selector: number;
    readonly matching: number;
    readonly data: Buffer;
  }[];
  readonly ttl?: number;
  /** Answers carry the AD bit, as those of a resolver that has validated them. */
  readonly secure?: true;
  /** Over UDP there is only the bit that says so. */
  readonly truncated?: true;
};

export type NameServer = {
  /** `ip:port`, as POSTERN_DNS_SERVERS has it. */
  readonly address: string;
  /** `TYPE name` of every question, in order. */
  readonly questions: string[];
  /** Names are lower case; a name that is not there does not exist (NXDOMAIN). `*` answers for all others. */
  zone: Zone;
  stop(): Promise<void>;
};

const TYPES: Record<number, string> = {
  ...{ 1: 'A', 2: 'NS', 5: 'CNAME', 12: 'PTR', 15: 'MX', 16: 'TXT', 28: 'AAAA', 52: 'TLSA' },
};
const TYPE_CODES = new Map(Object.entries(TYPES).map(([code, type]) => [type, Number(code)]));
const NXDOMAIN = 3;
const AD = 0x20;
const TC = 0x200;
const RCODES = { servfail: 2, refused: 5 } as const;

export async function startNameServer(zone: Zone): Promise<NameServer> {
  const socket = createSocket('udp4');
  const overTcp = createServer(connection => {
    connection.on('error', () => undefined);
    // A question fits into one segment, and clients here send it in one write.
    connection.on('data', data =>
      answer(data.subarray(2), true, reply => connection.end(Buffer.concat([uint16(reply.length), reply]))),
    );
  });
  const server: NameServer = {
    address: '',
    questions: [],
    zone,
    async stop() {
      await new Promise<void>(resolve => socket.close(() => resolve()));
      await new Promise<void>(resolve => overTcp.close(() => resolve()));
    },
  };
  socket.on('message', (message, { port, address }) =>
    answer(message, false, reply => socket.send(reply, port, address)),
  );
  const port = await listenOnBoth(overTcp, socket);
  return Object.assign(server, { address: `127.0.0.1:${port}` });

  function answer(message: Buffer, isTcp: boolean, send: (reply: Buffer) => void): void {
    const { name, type, end } = readQuestion(message);
    server.questions.push(`${type} ${name}${isTcp ? ' over TCP' : ''}`);
    const entry = server.zone[name] ?? server.zone['*'];
    const question = message.subarray(12, end);
    const id = message.readUInt16BE(0);
    if (entry === 'silent') return;
    if (entry === 'garbage') send(Buffer.concat([message.subarray(0, 2), Buffer.alloc(40, 0xff)]));
    else if (entry === 'servfail' || entry === 'refused') send(reply(id, RCODES[entry], question, []));
    else {
      const found = follow(server.zone, name, type);
      const bits = (entry?.secure ? AD : 0) | (found === null ? NXDOMAIN : 0);
      if (entry?.truncated && !isTcp) send(reply(id, TC, question, []));
      else send(reply(id, bits, question, found ?? []));
    }
  }
}

/** One port for both: that of TCP may be taken for UDP, and then another one is drawn. */
async function listenOnBoth(overTcp: Server, socket: Socket): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    overTcp.listen(0, '127.0.0.1');
    await once(overTcp, 'listening');
    const { port } = overTcp.address() as AddressInfo;
    try {
      socket.bind(port, '127.0.0.1');
      await once(socket, 'listening');
      return port;
    } catch (error) {
      if (tries === 20) throw error;
      await new Promise(resolve => overTcp.close(resolve));
    }
  }
}

type Answer = { readonly name: string; readonly type: string; readonly ttl: number; readonly data: Buffer };

/** null = there is no such name. A circle of aliases ends after eight of them, as an incomplete answer. */
function follow(zone: Zone, start: string, type: string): Answer[] | null {
  const answers: Answer[] = [];
  let name = start;
  for (let hop = 0; hop < 8; hop += 1) {
    const records = zone[name] ?? zone['*'];
    if (records === undefined || typeof records === 'string') return answers.length > 0 ? answers : null;
    const ttl = records.ttl ?? 60;
    if (records.CNAME === undefined || type === 'CNAME') {
      return [...answers, ...dataOf(records, type).map(data => ({ name, type, ttl, data }))];
    }
    answers.push({ name, type: 'CNAME', ttl, data: encodeName(records.CNAME) });
    name = records.CNAME;
  }
  return answers;
}

function dataOf(records: Records, type: string): Buffer[] {
  switch (type) {
    case 'TXT':
      return (records.TXT ?? []).map(encodeText);
    case 'A':
      return (records.A ?? []).map(encodeAddress);
    case 'AAAA':
      return (records.AAAA ?? []).map(encodeAddress);
    case 'PTR':
      return (records.PTR ?? []).map(encodeName);
    case 'CNAME':
      return records.CNAME === undefined ? [] : [encodeName(records.CNAME)];
    case 'MX':
      return (records.MX ?? []).map(({ priority, exchange }) =>
        Buffer.concat([uint16(priority), encodeName(exchange)]),
      );
    case 'TLSA':
      return (records.TLSA ?? []).map(({ usage, selector, matching, data }) =>
        Buffer.concat([Buffer.of(usage, selector, matching), data]),
      );
    default:
      return [];
  }
}

function reply(id: number, flags: number, question: Buffer, answers: readonly Answer[]): Buffer {
  const header = Buffer.concat([id, 0x8180 | flags, 1, answers.length, 0, 0].map(uint16));
  const records = answers.map(({ name, type, ttl, data }) =>
    Buffer.concat([
      encodeName(name),
      ...[TYPE_CODES.get(type)!, 1, ttl >>> 16, ttl & 0xffff, data.length].map(uint16),
      data,
    ]),
  );
  return Buffer.concat([header, question, ...records]);
}

function readQuestion(message: Buffer): { name: string; type: string; end: number } {
  const labels: string[] = [];
  let position = 12;
  while (message[position]! > 0) {
    const next = position + 1 + message[position]!;
    labels.push(message.toString('latin1', position + 1, next).toLowerCase());
    position = next;
  }
  const code = message.readUInt16BE(position + 1);
  return { name: labels.join('.'), type: TYPES[code] ?? String(code), end: position + 5 };
}

function encodeName(name: string): Buffer {
  const labels = name.split('.').filter(Boolean);
  return Buffer.concat([
    ...labels.map(label => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1')),
    Buffer.of(0),
  ]);
}

function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text);
  const strings: Buffer[] = [];
  for (let start = 0; start === 0 || start < bytes.length; start += 255) {
    const part = bytes.subarray(start, start + 255);
    strings.push(Buffer.of(part.length), part);
  }
  return Buffer.concat(strings);
}

/** IPv6 addresses are written in full, without `::`. */
function encodeAddress(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  return Buffer.concat(address.split(':').map(group => uint16(Number.parseInt(group, 16))));
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
