// Messages that were made to hurt (THREATS 12, 13, 14, 20; the limits of headers, lines and hops): refused with the right
// words, or relayed as they are; the gateway reads no MIME on the way.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  gateway = await startTestGateway({
    // They all have one Message-ID, and many of them one body.
    POSTERN_REPEAT_WINDOW: 'off',
    POSTERN_UPSTREAMS: upstream.url('name=main'),
  });
});
afterAll(async () => {
  await gateway.end();
  await upstream.stop();
});

const HEADER = 'From: sender@example.com\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <a@example.com>\r\n';

async function answerTo(content: string): Promise<string> {
  const client = await gateway.login();
  try {
    return await client.submit('sender@example.com', ['receiver@example.net'], content);
  } finally {
    client.close();
  }
}

async function isRelayedAsItIs(content: string): Promise<void> {
  expect(await answerTo(content)).toMatch(/^250 2\.6\.0 /);
  // Our own trace field stands in front.
  const expected = Buffer.from(content, 'latin1');
  const arrived = await eventually(() => {
    const found = upstream.messages.find(message => message.content.subarray(-expected.length).equals(expected));
    expect(found).toBeDefined();
    return found!.content;
  });
  expect(arrived.length).toBeLessThan(content.length + 1_000);
}

function nested(depth: number): string {
  const levels = Array.from({ length: depth }, (_, i) => `b${i}`);
  const open = levels.map(name => `Content-Type: multipart/mixed; boundary=${name}\r\n\r\n--${name}\r\n`);
  const close = levels.toReversed().map(name => `--${name}--\r\n`);
  return `${HEADER}MIME-Version: 1.0\r\n${open.join('')}\r\nx\r\n${close.join('')}`;
}

const received = (hops: number, host: string) =>
  `Received: from a.example by ${host} with ESMTP id x; Mon, 1 Jan 2024 00:00:00 +0000\r\n`.repeat(hops);
const fields = (count: number) => 'X-Bomb: x\r\n'.repeat(count);

describe('relayed as they are', () => {
  it.each([
    ['10,000 levels of MIME', () => nested(10_000)],
    [
      '100,000 parts of MIME',
      () => `${HEADER}Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\nx\r\n'.repeat(100_000)}--b--\r\n`,
    ],
    ['100,000 parts that are messages', () => `${HEADER}\r\n${'Content-Type: message/rfc822\r\n\r\n'.repeat(100_000)}`],
    [
      'a boundary that never ends',
      () => `${HEADER}Content-Type: multipart/mixed; boundary="${'b'.repeat(60_000)}\r\n\r\nx\r\n`,
    ],
    ['1,000 header fields', () => `${HEADER}${fields(997)}\r\nx\r\n`],
    ['a header of 250 KB, folded', () => `${HEADER}X-Long: ${' x\r\n'.repeat(60_000)}\r\nx\r\n`],
    ['lines of 65,000 bytes', () => `${HEADER}\r\n${`${'x'.repeat(65_000)}\r\n`.repeat(20)}`],
    ['a million empty lines', () => `${HEADER}\r\n${'\r\n'.repeat(1_000_000)}`],
    ['a million dots', () => `${HEADER}\r\n${`x${'.'.repeat(60_000)}\r\n`.repeat(17)}`],
    ['50 hops', () => `${received(50, 'b.example')}${HEADER}\r\nx\r\n`],
    ['5 hops of our own', () => `${received(5, 'gateway.test')}${HEADER}\r\nx\r\n`],
    ['no header at all', () => `\r\n${'x'.repeat(100)}\r\n`],
    ['parameters without end', () => `${HEADER}Content-Type: text/plain${';\r\n a*0*=x'.repeat(20_000)}\r\n\r\nx\r\n`],
  ])('%s', async (_name, make) => {
    await isRelayedAsItIs(make());
  });
});

describe('refused', () => {
  // Whose From is looked at by nobody may write there what he likes.
  beforeAll(async () => {
    await gateway.rows(`update credentials set from_domains = '{example.com}'`);
    await eventually(async () => expect(await answerTo('From: a@other.example\r\n\r\nx\r\n')).toMatch(/^550 5\.7\.1 /));
  });

  it.each([
    ['1,001 header fields', () => `${HEADER}${fields(998)}\r\nx\r\n`, '552 5.3.4 Message header is too large'],
    [
      '1,000,000 header fields',
      () => `${HEADER}${fields(1_000_000)}\r\nx\r\n`,
      '552 5.3.4 Message header is too large',
    ],
    [
      'a header of 270 KB',
      () => `${HEADER}X-Long: ${' x\r\n'.repeat(70_000)}\r\nx\r\n`,
      '552 5.3.4 Message header is too large',
    ],
    [
      'a header that never ends',
      () => `${HEADER}${'X-Bomb: x\r\n'.repeat(50_000)}`,
      '552 5.3.4 Message header is too large',
    ],
    ['51 hops', () => `${received(51, 'b.example')}${HEADER}\r\nx\r\n`, '554 5.4.6 Mail loop: 51 Received fields'],
    [
      '6 hops of our own',
      () => `${received(6, 'gateway.test')}${HEADER}\r\nx\r\n`,
      '554 5.4.6 Mail loop: 6 Received fields',
    ],
    [
      'a line of 66,000 bytes',
      () => `${HEADER}\r\n${'x'.repeat(66_000)}\r\n`,
      '550 5.6.0 Message refused: line too long',
    ],
    // Recursive and backtracking readers of addresses die of these (CVE-2026-100700, GHSA-8vvx-rff5-p5rq).
    ...(['(', '"', '<', '((a)', 'a:', '\\', ',', '@', 'a@b,', '=?x?q?'] as const).map(
      piece =>
        [
          `a From of 60,000 bytes of ${piece}`,
          () => `From: ${piece.repeat(60_000 / piece.length)}\r\nSubject: x\r\n\r\nx\r\n`,
          '550 5.7.1 ',
        ] as const,
    ),
  ] as const)('%s', async (_name, make, expected) => {
    const answer = await answerTo(make());
    expect(answer.slice(0, expected.length)).toBe(expected);
    expect(Buffer.byteLength(answer)).toBeLessThanOrEqual(510);
  });

  it('and the gateway is as it was', async () => {
    expect((await gateway.http('/readyz')).status).toBe(200);
    await isRelayedAsItIs(`${HEADER}\r\nhello\r\n`);
  });
});
