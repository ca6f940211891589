// `postern start` on an empty directory, as a stranger runs it: ready by itself, the credential shown once, mail captured,
// SIGTERM ends it cleanly, and a second start finds everything.
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { postern, posternStart } from '../support/command-line.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'first-'));
});
afterAll(() => rm(dataDir, { recursive: true, force: true, maxRetries: 3 }));

it('starts, captures, stops and starts again', async () => {
  const environment = { POSTERN_DATA_DIR: dataDir, POSTERN_SMTP_PORT: '0', POSTERN_HTTP_PORT: '0' };
  const first = await posternStart(environment);
  expect(first.banner).toMatch(/Database +embedded PostgreSQL/);
  expect(first.banner).toMatch(/Upstreams +none, so mail is captured/);
  const [, user, password] = /Credential +user (\S+) +password (\S+)/.exec(first.banner)!;
  const client = await SmtpClient.login(first.port, { user: user!, password: password! });
  expect(await client.submit('a@example.com', ['kept@x.example'], 'Subject: kept\r\n\r\n')).toMatch(/^250 /);
  client.close();
  // The command line finds the database of the gateway that runs.
  const found = await postern(environment, 'message', 'find', '--to', 'kept@x.example', '--json');
  expect(JSON.parse(found.stdout)).toMatchObject({ subject: 'kept', deliveries: [{ state: 'captured' }] });
  const again = await postern(environment, 'start');
  expect([again.code, again.stderr]).toEqual([1, expect.stringMatching(/in use by pid \d+/)]);
  expect(await first.end()).toBe(0);
  expect(first.log()).not.toContain(password);

  // And that of one that does not.
  expect((await postern(environment, 'message', 'find', '--json')).stdout).toContain('kept@x.example');
  const second = await posternStart(environment);
  expect(second.banner).not.toMatch(/Credential|Admin/);
  const other = await SmtpClient.login(second.port, { user: user!, password: password! });
  other.close();
  expect(await second.end('SIGINT')).toBe(0);
}, 60_000);

it('shows the first passwords when it starts, not when it fails to', async () => {
  const fresh = await mkdtemp(join(tmpdir(), 'first-'));
  const squatter = createServer().listen(0, '127.0.0.1');
  await once(squatter, 'listening');
  const { port } = squatter.address() as { port: number };
  const environment = { POSTERN_DATA_DIR: fresh, POSTERN_SMTP_PORT: '0', POSTERN_HTTP_PORT: `${port}` };
  const failed = await postern(environment, 'start');
  expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining(`127.0.0.1:${port} is in use`)]);
  const started = await posternStart({ ...environment, POSTERN_HTTP_PORT: '0' });
  const [, user, password] = /Credential +user (\S+) +password (\S+)/.exec(started.banner)!;
  expect(started.banner).toMatch(/Admin +user admin +password \S+/);
  const client = await SmtpClient.login(started.port, { user: user!, password: password! });
  client.close();
  expect(await started.end()).toBe(0);
  squatter.close();
  await rm(fresh, { recursive: true, force: true, maxRetries: 3 });
}, 60_000);

it('ends by itself after SIGTERM although upstream sessions were kept', async () => {
  const upstream = await ScriptedUpstream.start();
  const gateway = await posternStart({
    ...{ POSTERN_DATA_DIR: dataDir, POSTERN_SMTP_PORT: '0', POSTERN_HTTP_PORT: 'off' },
    ...{ POSTERN_UPSTREAMS: upstream.url('name=main'), POSTERN_BOOTSTRAP_CREDENTIAL: 'me:secret' },
  });
  const client = await SmtpClient.login(gateway.port, { user: 'me', password: 'secret' });
  await client.submit('a@example.com', ['a@x.example'], 'x\r\n');
  await expect.poll(() => upstream.messages.length, { timeout: 10_000 }).toBe(1);
  expect(await gateway.end()).toBe(0);
  expect(await client.reply()).toBe('421 4.3.2 Shutting down');
  client.close();
  await upstream.stop();
});
