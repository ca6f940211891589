// What was accepted arrives as it was accepted: our trace fields stand in front, not a byte of it changes.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  gateway = await startTestGateway({ POSTERN_UPSTREAMS: upstream.url('name=main') });
});
afterAll(async () => {
  await gateway.end();
  await upstream.stop();
});

/** As SMTP carries it: a dot in front of each line that begins with one. */
function stuffed(content: Buffer): Buffer {
  return Buffer.from(content.toString('latin1').replace(/(^|\r\n)\./g, '$1..'), 'latin1');
}

async function relay(content: Buffer): Promise<Buffer> {
  const before = upstream.messages.length;
  const id = await gateway.submit('receiver@example.net', stuffed(content));
  await gateway.reaches(id, 'delivered');
  return await eventually(() => {
    const arrived = upstream.messages.slice(before);
    expect(arrived).toHaveLength(1);
    return arrived[0]!.content;
  });
}

const TRACE =
  /^Received: from client\.example \(\[127\.0\.0\.1\]\)\r\n\tby gateway\.test with ESMTPA id \w{26};\r\n\t.*\+0000\r\n/;
const HEADER =
  'From: a@example.com\r\nSubject: s\r\nMessage-ID: <own@example.com>\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n';

describe('a relayed message', () => {
  const bodies: [string, Buffer][] = [
    ['a short body', Buffer.from('hello\r\n')],
    ['lines that begin with dots', Buffer.from('.\r\n..\r\n...\r\n.x\r\nx.\r\n\r\n.\r\n')],
    [
      'every byte but NUL, CR and LF',
      Buffer.concat([
        Buffer.from(Array.from({ length: 256 }, (_, i) => i).filter(i => ![0, 10, 13].includes(i))),
        Buffer.from('\r\n'),
      ]),
    ],
    ['no body behind the empty line', Buffer.alloc(0)],
    ['many empty lines at the end', Buffer.from('x\r\n\r\n\r\n\r\n')],
    ['a line of 60,000 characters', Buffer.from(`${'y'.repeat(60_000)}\r\n`)],
    ['1 MB in lines', Buffer.from(`${randomBytes(57).toString('base64')}\r\n`.repeat(13_000))],
  ];

  it.each(bodies)('with %s arrives as it was, behind a Received field (RFC 5321 section 4.4)', async (_name, body) => {
    const content = Buffer.concat([Buffer.from(`${HEADER}\r\n`), body]);
    const arrived = await relay(content);
    const trace = TRACE.exec(arrived.toString('latin1'))?.[0] ?? '';
    expect(trace).not.toBe('');
    expect(arrived.subarray(trace.length).equals(content)).toBe(true);
  });

  it('without Message-ID and Date gets them in front, its own bytes untouched (RFC 5322 section 3.6)', async () => {
    const content = Buffer.from('subject: only\r\n\r\nbody\r\n');
    const arrived = (await relay(content)).toString();
    const [header] = arrived.split('subject: only');
    expect(header).toMatch(
      /^Received: [\s\S]*\r\nMessage-ID: <\w{26}@gateway\.test>\r\nDate: \w{3}, \d\d \w{3} \d{4} [\d:]{8} \+0000\r\n$/,
    );
    expect(arrived.endsWith(content.toString())).toBe(true);
  });

  it.each([
    ['no header at all', 'just text\r\nwith lines\r\n'],
    ['only an empty line', '\r\n'],
    ['an empty line first', '\r\nbody: not a header\r\n'],
    ['folding white space first', ' folded: nothing\r\nSubject: x\r\n\r\nbody\r\n'],
    ['not a byte', ''],
  ])('with %s stays content, and is not taken for header', async (_name, text) => {
    const arrived = (await relay(Buffer.from(text))).toString();
    const end = arrived.indexOf('\r\n\r\n');
    const ours = arrived.slice(0, end + 2);
    expect(ours).toMatch(/^Received: [\s\S]*\r\nMessage-ID: .*\r\nDate: .*\r\n$/);
    const rest = arrived.slice(end + 2);
    expect(rest).toBe(text.startsWith('\r\n') ? text : `\r\n${text}`);
  });

  it('in mixed sizes, many at once, arrives whole and once', async () => {
    const before = upstream.messages.length;
    const sizes = [0, 1, 10, 1_000, 10_240, 70_000, 300_000];
    const contents = Array.from({ length: 40 }, (_, i) => {
      const body = randomBytes(Math.ceil(sizes[i % sizes.length]! / 2))
        .toString('hex')
        .replace(/.{70}/g, '$&\r\n');
      return Buffer.from(`${HEADER}X-Number: ${i}\r\n\r\n${body}\r\n`);
    });
    const ids = await Promise.all(contents.map((content, i) => gateway.submit(`r${i}@example.net`, content)));
    for (const id of ids) await gateway.reaches(id, 'delivered');
    const arrived = upstream.messages.slice(before);
    const bodies = arrived.map(({ content }) => content.subarray(TRACE.exec(content.toString('latin1'))![0].length));
    expect(bodies.map(body => /X-Number: (\d+)/.exec(body.toString())![1]).sort()).toEqual(
      contents.map((_, i) => `${i}`).sort(),
    );
    for (const body of bodies) {
      const number = Number(/X-Number: (\d+)/.exec(body.toString())![1]);
      expect(body.equals(contents[number]!)).toBe(true);
    }
  });
});
