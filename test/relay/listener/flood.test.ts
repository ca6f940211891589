// Anything at all, from many at once: each reply is well formed, nobody else notices, and nothing stays behind.
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { eventually } from '../../support/eventually.ts';
import { startTestListener, type TestListener } from '../../support/listener.ts';
import { plain, SmtpClient } from '../../support/smtp-client.ts';

let door: TestListener;
afterEach(() => door.stop(1));

/** Sends it in these pieces, hangs up, and tells what was said. */
function talk(pieces: readonly Buffer[], port: number, from: string): Promise<string> {
  return new Promise(resolve => {
    let said = '';
    const socket = connect({ port, host: '127.0.0.1', localAddress: from });
    socket.on('data', chunk => {
      said += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(said));
    for (const piece of pieces) socket.write(piece);
    socket.end();
  });
}

const AUTH = `AUTH PLAIN ${plain('app', 'app-password')}\r\n`;
const command = fc.constantFrom(
  ...[
    'EHLO x\r\n',
    'HELO x\r\n',
    AUTH,
    'MAIL FROM:<a@b.example>\r\n',
    'RCPT TO:<c@d.example>\r\n',
    'DATA\r\n',
    '.\r\n',
  ],
  ...[
    'STARTTLS\r\n',
    'RSET\r\n',
    'QUIT\r\n',
    'NOOP\r\n',
    'x\r\n',
    '\r\n',
    '\n',
    '\0',
    'AUTH LOGIN\r\n',
    'YXBw\r\n',
    '*\r\n',
  ],
);
const bytes = fc.oneof(
  { weight: 5, arbitrary: command.map(text => Buffer.from(text, 'latin1')) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map(Buffer.from) },
  { weight: 1, arbitrary: fc.constant(Buffer.alloc(100_000, 'x')) },
);

it('any bytes get well-formed replies, and leave nothing behind', async () => {
  const metrics = createMetrics(async () => 0);
  door = await startTestListener({ metrics, patience: { penaltyMs: 0 }, authenticate: async () => null });
  let talks = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(bytes, { maxLength: 20 }), fc.boolean(), async (pieces, secure) => {
      const port = secure ? door.smtpsPort : door.smtpPort;
      talks += 1;
      const said = await talk(pieces, port, `127.0.${talks % 200}.1`);
      // A handshake that failed is told of in TLS, not in words.
      if (!secure) {
        for (const line of said.split('\r\n').slice(0, -1)) expect(line).toMatch(/^[2345]\d\d[ -][\x20-\x7e]*$/);
        expect(said === '' || said.endsWith('\r\n') || /220 [^\r]*\r\n/.test(said)).toBe(true);
      }
    }),
    { numRuns: 300 },
  );
  await eventually(async () => {
    const figures = await metrics.registry.metrics();
    expect(figures).toContain('postern_smtp_sessions{kind="stranger"} 0');
  });
  expect(door.budget.used).toBe(0);
  expect(door.lines.filter(line => line.includes('"level":"error"'))).toEqual([]);
}, 60_000);

it('a flood of connections from one address is refused, and others are served meanwhile', async () => {
  door = await startTestListener();
  const floods = Array.from({ length: 500 }, () => SmtpClient.connect(door.smtpPort, { from: '127.0.0.66' }));
  const client = await door.login();
  expect(await client.submit('a@b.example', ['c@d.example'], 'x\r\n')).toMatch(/^250 2\.6\.0 /);
  client.close();
  const flooding = await Promise.all(floods);
  const greetings = await Promise.all(flooding.map(one => one.reply()));
  expect(greetings.filter(greeting => greeting.startsWith('220 '))).toHaveLength(50);
  expect(greetings.filter(greeting => greeting.startsWith('421 4.7.0 Too many sessions from your'))).toHaveLength(450);
  for (const one of flooding) one.close();
  expect(door.lines.filter(line => line.includes('"sessions-refused"')).length).toBeLessThan(5);
});

it('lines without an end, in every state, are cut off while memory stays', async () => {
  door = await startTestListener({ patience: { penaltyMs: 0 } });
  const begin = {
    greeting: [],
    hello: ['EHLO x'],
    login: ['EHLO x', 'AUTH LOGIN'],
    client: ['EHLO x', AUTH.trim()],
    envelope: ['EHLO x', AUTH.trim(), 'MAIL FROM:<a@b.example>'],
  };
  for (const commands of Object.values(begin)) {
    const client = await SmtpClient.connect(door.smtpPort);
    await client.reply();
    for (const line of commands) await client.ask(line);
    client.send(Buffer.alloc(20_000_000, 'x'));
    expect(await client.replyOrEnd()).toBe('421 4.7.0 Line without end');
    client.close();
  }
});
