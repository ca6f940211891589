// Clients and upstreams that nobody here wrote.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { PASSWORD, startTestGateway, type TestGateway, USER } from '../support/gateway.ts';
import { has, PATH, unlessInstalled } from '../support/programs.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

const run = promisify(execFile);
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

async function arrival(recipient: string): Promise<string> {
  return eventually(() => {
    const message = upstream.messages.find(({ rcpts }) => rcpts.includes(`RCPT TO:<${recipient}>`));
    expect(message).toBeDefined();
    return message!.content.toString();
  });
}

describe('nodemailer', () => {
  it.each([
    ['STARTTLS', false],
    ['implicit TLS', true],
  ])('sends over %s, with an attachment, UTF-8 and several recipients', async (name, secure) => {
    const transport = createTransport({
      ...{ host: '127.0.0.1', port: secure ? gateway.smtpsPort : gateway.smtpPort, secure, pool: true },
      ...{ auth: { user: USER, pass: PASSWORD }, tls: { rejectUnauthorized: false } },
    });
    const recipients = ['one', 'two'].map(who => `${who}-${secure}@x.example`);
    const sent = await transport.sendMail({
      ...{ from: 'Bücher <sender@example.com>', to: recipients, subject: `Grüße über ${name}`, text: '.\n..\nEnde' },
      attachments: [{ filename: 'a.bin', content: Buffer.alloc(200_000, 7) }],
    });
    transport.close();
    expect(sent.response).toMatch(/^250 2\.6\.0 queued as \w{26}$/);
    const content = await arrival(recipients[1]!);
    expect(content).toMatch(/^Received: .*\r\n\tby gateway\.test with ESMTPSA /);
    expect(content).toContain(sent.messageId);
  });
});

describe.skipIf(!has('swaks'))(`swaks${unlessInstalled('swaks')}`, () => {
  it.each([
    ['in clear', []],
    ['over STARTTLS', ['--tls']],
    ['with AUTH LOGIN', ['--auth', 'LOGIN']],
  ])('sends %s', async (name, options) => {
    const to = `swaks-${name.replaceAll(' ', '-')}@x.example`;
    const { stdout } = await run('swaks', [
      ...['--server', `127.0.0.1:${gateway.smtpPort}`, '--auth-user', USER, '--auth-password', PASSWORD],
      ...['--from', 'sender@example.com', '--to', to, '--header', 'Subject: from swaks', ...options],
    ]);
    expect(stdout).toMatch(/250 2\.6\.0 queued as \w{26}/);
    expect(await arrival(to)).toContain('Subject: from swaks');
  });
});

describe.skipIf(!has('python3'))(`Python's smtplib${unlessInstalled('python3')}`, () => {
  it('sends over STARTTLS, keeps the session, and sees the refusals', async () => {
    const script = `
import smtplib, ssl, sys
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
with smtplib.SMTP('127.0.0.1', ${gateway.smtpPort}, timeout=10) as smtp:
    smtp.starttls(context=context)
    try:
        smtp.login('${USER}', 'wrong')
    except smtplib.SMTPAuthenticationError as error:
        print(error.smtp_code)
    smtp.login('${USER}', '${PASSWORD}')
    for i in range(2):
        print(smtp.sendmail('sender@example.com', [f'python-{i}@x.example', 'bad address'] , f'Subject: {i}\\r\\n\\r\\n.dot\\r\\n'))
`;
    const { stdout } = await run('python3', ['-c', script]);
    const lines = stdout.trim().split('\n');
    expect(lines[0]).toBe('535');
    expect(lines[1]).toMatch(/^\{'bad address': \(501, b'5\.1\.3 /);
    expect(await arrival('python-1@x.example')).toMatch(/Subject: 1\r\n\r\n\.dot\r\n$/);
  });
});

describe.skipIf(!has('smtp-sink'))(`Postfix's smtp-sink${unlessInstalled('smtp-sink')}`, () => {
  it('takes what is relayed, byte for byte', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sink-'));
    const port = await freePort();
    const user = process.getuid?.() === 0 ? ['-u', 'root'] : [];
    const sink = spawn('smtp-sink', [...user, '-D', join(directory, 'all'), `127.0.0.1:${port}`, '100'], {
      env: { ...process.env, PATH },
    });
    const ended = once(sink, 'exit');
    const other = await startTestGateway({ POSTERN_UPSTREAMS: `smtp://127.0.0.1:${port}?name=sink` });
    try {
      await eventually(() => answers(port));
      const content = 'Subject: to the sink\r\nMessage-ID: <s@x>\r\nDate: x\r\n\r\n.dot\r\n..dots\r\nend\r\n';
      const ids = await Promise.all(
        Array.from({ length: 20 }, (_, i) => other.submit(`s${i}@x.example`, content.replace(/^\./gm, '..'))),
      );
      for (const id of ids) await other.reaches(id, 'delivered');
      const files = await readdir(directory);
      const text = await readFile(join(directory, files[0]!), 'latin1');
      expect(text.split('Subject: to the sink\n').length - 1).toBe(20);
      expect(text).toContain('\n.dot\n..dots\nend\n');
    } finally {
      await other.end();
      sink.kill();
      await ended;
      await rm(directory, { recursive: true });
    }
  });
});

async function answers(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'data');
  socket.destroy();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise(resolve => server.close(resolve));
  return port;
}
