// The database goes away while the gateway runs: apps are told to come back, nothing acknowledged is lost, and all goes
// on by itself when it is there again.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/platform/embedded-postgres/index.ts';
import { createLog } from '../../src/platform/log.ts';
import { postmasterPid } from '../platform/embedded-postgres/rig.ts';
import { ADMIN, client as apiClient } from '../support/api.ts';
import { openDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let upstream: ScriptedUpstream;
let directory: string;
beforeEach(async () => {
  upstream = await ScriptedUpstream.start();
  directory = await mkdtemp(join(tmpdir(), 'outage-'));
});
afterEach(async () => {
  await upstream.stop();
  await rm(directory, { recursive: true, force: true, maxRetries: 3 });
});

describe('a database of somebody else, stopped and started', () => {
  let server: EmbeddedPostgres;
  const startServer = async () => {
    server = await startEmbeddedPostgres({ dataDir: directory, log: createLog('silent') });
  };
  beforeEach(startServer);
  afterEach(() => server.stop());

  it('451 and /readyz 503 meanwhile; what was being sent is recorded once, and all is well again', async () => {
    const database = { ...openDatabase(server.url), drop: async () => undefined };
    const gateway = await startTestGateway({ POSTERN_UPSTREAMS: upstream.url('name=main') }, { database });
    expect((await gateway.http('/readyz')).status).toBe(200);
    const client = await gateway.login();
    upstream.script = { final: 'HANG' };
    const id = (await client.submit('s@example.com', ['a@x.example'], 'Subject: before\r\n\r\n')).split(' ').at(-1)!;
    await eventually(() => expect(upstream.messages).toHaveLength(1));

    await server.stop();
    await eventually(async () => expect((await gateway.http('/readyz')).status).toBe(503));
    expect(await (await gateway.http('/readyz')).json()).toEqual({
      status: 'not-ready',
      reason: 'database-unavailable',
    });
    const { status, headers, body } = await apiClient(gateway, ADMIN)('GET', '/routes');
    expect([status, headers.get('retry-after'), body.detail]).toEqual([503, '5', 'database-unavailable']);
    expect((await gateway.http('/healthz')).status).toBe(200);
    expect(await client.ask('MAIL FROM:<s@example.com>')).toBe('451 4.3.0 Temporary failure, try again later');
    upstream.blurt('250 2.0.0 ok at last\r\n');

    upstream.script = {};
    await startServer();
    await eventually(async () => expect((await gateway.http('/readyz')).status).toBe(200));
    await eventually(async () =>
      expect(await gateway.deliveries(id)).toMatchObject([{ state: 'delivered', attempt: 1 }]),
    );
    // The conversation that hung is of no more use to the scripted upstream.
    upstream.disconnect();
    const after = (await client.submit('s@example.com', ['b@x.example'], 'Subject: after\r\n\r\n')).split(' ').at(-1)!;
    await gateway.reaches(after, 'delivered');
    expect(upstream.messages.map(({ rcpts }) => rcpts[0])).toEqual(['RCPT TO:<a@x.example>', 'RCPT TO:<b@x.example>']);
    client.close();
    await gateway.end();
    await database.pool.end();
  });

  it('451 after DATA when it went away in between, and the app keeps its message', async () => {
    const database = { ...openDatabase(server.url), drop: async () => undefined };
    const gateway = await startTestGateway({ POSTERN_UPSTREAMS: upstream.url('name=main') }, { database });
    const client = await gateway.login();
    for (const command of ['MAIL FROM:<s@example.com>', 'RCPT TO:<a@x.example>', 'DATA']) await client.ask(command);
    await server.stop();
    expect(await client.ask('Subject: x\r\n\r\n.')).toBe('451 4.3.0 Temporary failure, try again later');
    const other = await SmtpClient.connect(gateway.smtpPort);
    await other.reply();
    await other.ask('EHLO client.example');
    const unknown = Buffer.from('\0somebody\0else').toString('base64');
    expect(await other.ask(`AUTH PLAIN ${unknown}`)).toBe('454 4.7.0 Temporary authentication failure');
    other.close();
    client.close();
    await startServer();
    await eventually(async () => expect((await gateway.http('/readyz')).status).toBe(200));
    expect(await gateway.rows('select 1 from messages')).toEqual([]);
    expect(upstream.messages).toEqual([]);
    await gateway.end();
    await database.pool.end();
  });
});

describe('the embedded database', () => {
  it('killed twice under load loses nothing that was acknowledged', async () => {
    const gateway = await startTestGateway(
      { POSTERN_UPSTREAMS: upstream.url('name=main') },
      { embedded: true, dataDir: directory },
    );
    const acknowledged: string[] = [];
    let pouring = true;
    const pour = async (worker: number) => {
      for (let i = 0; pouring; i += 1) {
        const name = `w${worker}-${i}`;
        const answer = await submitOnce(gateway.smtpPort, name).catch(() => '');
        if (answer.startsWith('250')) acknowledged.push(name);
        else await sleep(20);
      }
    };
    const workers = [0, 1, 2].map(pour);
    const thirtyMore = async () => {
      const before = acknowledged.length;
      await eventually(() => expect(acknowledged.length).toBeGreaterThan(before + 30), 25_000);
    };
    try {
      for (let kill = 0; kill < 2; kill += 1) {
        await thirtyMore();
        process.kill(postmasterPid(directory), 'SIGKILL');
      }
      await thirtyMore();
    } finally {
      pouring = false;
      await Promise.all(workers);
    }
    await eventually(async () => {
      const waiting = await gateway.rows(`select 1 from deliveries where state <> 'delivered'`);
      expect(waiting).toEqual([]);
    }, 20_000);
    const arrived = upstream.messages.map(({ content }) => /Subject: (\S+)/.exec(content.toString())![1]);
    expect(acknowledged.filter(name => !arrived.includes(name))).toEqual([]);
    await gateway.end();
  }, 60_000);
});

async function submitOnce(port: number, subject: string): Promise<string> {
  const client = await SmtpClient.login(port);
  try {
    return await client.submit('s@example.com', ['a@x.example'], `Subject: ${subject}\r\n\r\nbody\r\n`);
  } finally {
    client.close();
  }
}
