// The database is away when a provider reports: it is told to come back, and what it tells then counts once.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/platform/embedded-postgres/index.ts';
import { createLog } from '../../src/platform/log.ts';
import { mailgunEvent } from '../bounce/events/payloads.ts';
import { openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';
import { MAILGUN_KEY, mailgunRequest } from '../support/provider-requests.ts';
import { putSent } from '../support/returned-mail.ts';

const ADA = 'ada@example.net';
let directory: string;
let server: EmbeddedPostgres;
const startServer = async () => {
  server = await startEmbeddedPostgres({ dataDir: directory, log: createLog('silent') });
};
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'outage-'));
  await startServer();
});
afterEach(async () => {
  await server.stop();
  await rm(directory, { recursive: true, force: true, maxRetries: 3 });
});

it('503 meanwhile; the same request later is taken, and counts once', async () => {
  const database = { ...openDatabase(server.url), drop: async () => undefined };
  const gateway = await startTestGateway({ POSTERN_EVENTS_MAILGUN: MAILGUN_KEY }, { database });
  const id = await putSent(database, { recipients: [ADA] });
  const event = mailgunEvent({ 'user-variables': { postern: `${id}-0` } });
  const { path, headers, body } = mailgunRequest(event, { at: Date.now() });
  const post = async () => {
    const url = `http://127.0.0.1:${gateway.httpPort}${path}`;
    return (await fetch(url, { method: 'POST', headers, body: body as string })).status;
  };
  await server.stop();
  expect([await post(), await post()]).toEqual([503, 503]);
  expect(gateway.lines).toContainEqual(expect.objectContaining({ event: 'events-not-taken', level: 'error' }));

  await startServer();
  await eventually(async () => expect(await post()).toBe(200));
  expect(await post()).toBe(200);
  expect(await gateway.events(id)).toEqual(['address-suppressed 0', 'bounced 0']);
  expect(await database.rows('select address_key from suppressions')).toEqual([{ address_key: ADA }]);
  expect(await database.rows('select source from report_sources')).toEqual([{ source: 'events:mailgun' }]);
  await gateway.end();
});
