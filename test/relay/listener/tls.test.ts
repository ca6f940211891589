// TLS as a client that we did not write sees it: openssl s_client.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { startTestListener, type TestListener } from '../../support/listener.ts';
import { plain, SmtpClient } from '../../support/smtp-client.ts';

let door: TestListener;
beforeAll(async () => {
  door = await startTestListener();
});
afterAll(() => door.stop(1));

/** What it printed, and what it was told by us. */
async function sClient(port: 'smtp' | 'smtps', args: string[], input = 'QUIT\r\n'): Promise<string> {
  const starttls = port === 'smtp' ? ['-starttls', 'smtp'] : [];
  const where = `127.0.0.1:${port === 'smtp' ? door.smtpPort : door.smtpsPort}`;
  const child = spawn('openssl', ['s_client', '-connect', where, ...starttls, '-ign_eof', ...args]);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      output += chunk;
    });
  }
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  await once(child, 'close');
  return output;
}

/** OpenSSL itself is built to refuse the old ones, unless it is told that security is no concern. */
const OLD = ['-cipher', 'ALL:@SECLEVEL=0'];

describe.each(['smtp', 'smtps'] as const)('on the %s port', port => {
  it.each([
    ['-tls1_2', 'TLSv1.2'],
    ['-tls1_3', 'TLSv1.3'],
  ])('%s is spoken', async (flag, protocol) => {
    const output = await sClient(port, [flag]);
    expect(output).toContain(`New, ${protocol}, Cipher is `);
    expect(output).toContain('221 2.0.0 Bye');
  });

  it.each([
    ['TLS 1.0', ['-tls1', ...OLD]],
    ['TLS 1.1', ['-tls1_1', ...OLD]],
    ['a cipher of CBC', ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384']],
    ['a cipher without authentication', ['-tls1_2', '-cipher', 'aNULL:@SECLEVEL=0']],
  ])('%s is not', async (_name, args) => {
    const output = await sClient(port, args);
    expect(output).not.toContain('221 2.0.0 Bye');
    expect(output).toMatch(/alert|handshake failure|no protocols available|Cipher is \(NONE\)/);
  });

  it('a client of TLS 1.2 gets no second handshake', async () => {
    // `R` alone on a line makes s_client ask for one.
    const output = await sClient(port, ['-tls1_2', '-no_ign_eof'], 'R\nQUIT\r\n');
    expect(output).toContain('RENEGOTIATING');
    expect(output).toMatch(/no renegotiation|:error:/i);
  });

  it('a login and a message go through', async () => {
    door.submissions.length = 0;
    const lines = [`AUTH PLAIN ${plain('app', 'app-password')}`, 'MAIL FROM:<a@b.example>', 'rCPT TO:<c@d.example>'];
    const input = ['EHLO c.example', ...lines, 'DATA', 'x', '.', 'quit', ''].join('\r\n');
    const output = await sClient(port, ['-quiet'], input);
    expect(output).toMatch(/\n250 2\.6\.0 queued as /);
    expect(door.submissions[0]!.session).toMatchObject({ protocol: 'ESMTPSA' });
  });
});

describe('a handshake', () => {
  it.each(['smtp', 'smtps'] as const)('on the %s port ends when it takes too long, however busily', async port => {
    const hasty = await startTestListener({ patience: { handshakeMs: 150 } });
    try {
      const number = port === 'smtp' ? hasty.smtpPort : hasty.smtpsPort;
      const client = await SmtpClient.connect(number);
      if (port === 'smtp') {
        await client.reply();
        expect(await client.ask('STARTTLS')).toMatch(/^220 /);
      }
      // The beginning of a ClientHello of 16,000 bytes, and then byte after byte.
      client.send(Buffer.from('16030140000100', 'hex'));
      const drip = setInterval(() => client.send(Buffer.from([0])), 10);
      await client.ended().finally(() => clearInterval(drip));
      client.close();
    } finally {
      await hasty.stop(1);
    }
  });

  it('that is none costs a connection and nothing else', async () => {
    for (let i = 0; i < 60; i += 1) {
      const socket = connect(door.smtpsPort, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.end('EHLO c.example\r\n');
      socket.resume();
      await once(socket, 'close');
    }
    const client = await eventually(() => SmtpClient.connect(door.smtpsPort, { tls: {} }));
    expect(await client.reply()).toMatch(/^220 /);
    client.close();
  });
});
