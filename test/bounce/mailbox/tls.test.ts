// TLS towards a mailbox: verified unless the operator says otherwise, and no password before it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadMailboxes } from '../../../bounce/index.ts';
import { type MailboxSettings, parseMailboxUrl } from '../../../src/platform/mailbox-url.ts';
import { loadCertificate } from '../../../src/platform/tls-certificate.ts';
import { ImapServer } from '../../support/imap-server.ts';

let server: Server;
let port: number;
let said = '';
beforeAll(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'imaps-'));
  const { cert, key } = await loadCertificate({ certPath: null, keyPath: null, dataDir, hostname: 'imap.test' });
  await rm(dataDir, { recursive: true });
  server = createServer({ cert, key }, socket => {
    socket.on('error', () => undefined);
    socket.on('data', data => {
      said += data;
      const [tag] = String(data).split(' ');
      socket.write(`${tag} NO not here\r\n`);
    });
    socket.write('* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] over TLS\r\n');
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as { port: number }).port;
});
afterAll(() => new Promise(resolve => server.close(resolve)));

async function probe(url: string) {
  const { probeMailbox } = await loadMailboxes();
  return probeMailbox(parseMailboxUrl(url) as MailboxSettings, null);
}

it('a certificate that nobody vouches for ends it before anything is said', async () => {
  const { ok, detail } = await probe(`imaps://bounces:s3cret@127.0.0.1:${port}`);
  expect(ok).toBe(false);
  expect(detail).toMatch(/self.signed certificate/);
  expect(said).toBe('');
});

it('with tls=required it is not judged', async () => {
  const { detail } = await probe(`imaps://bounces:s3cret@127.0.0.1:${port}?tls=required`);
  expect(detail).not.toMatch(/certificate/);
  expect(said).toMatch(/AUTHENTICATE|LOGIN/);
});

it('a server that offers no STARTTLS gets no password', async () => {
  const clear = await ImapServer.start();
  const { ok, detail } = await probe(clear.url().replace('tls=none&', ''));
  expect(ok).toBe(false);
  expect(detail).toMatch(/TLS/i);
  expect(clear.commands.filter(command => /^(AUTH|LOGIN)/i.test(command))).toEqual([]);
  await clear.stop();
});
