// The queue over Redis: it carries wake-ups and nothing else, so whatever happens to it, mail is late at most.
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { has, unlessInstalled } from '../support/programs.ts';
import { RedisServer } from '../support/redis.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

describe.skipIf(!has('redis-server'))(`with Redis${unlessInstalled('redis-server')}`, () => {
  let redis: RedisServer;
  let upstream: ScriptedUpstream;
  let gateway: TestGateway;

  beforeAll(async () => {
    redis = await RedisServer.start();
    upstream = await ScriptedUpstream.start();
    gateway = await startTestGateway({
      ...{ REDIS_URL: redis.url, POSTERN_RETRY: '2s*', POSTERN_UPSTREAMS: upstream.url('name=main') },
    });
  });
  afterAll(async () => {
    await gateway.end();
    await upstream.stop();
    await redis.end();
  });

  /** Messages that were deferred once and wait for their next time. */
  async function deferred(count: number): Promise<string[]> {
    upstream.script = { rcpt: { '*': '450 4.7.1 greylisted' } };
    const ids = await Promise.all(Array.from({ length: count }, (_, i) => gateway.submit(`r${i}@x.example`)));
    for (const id of ids) await gateway.settled(id);
    return ids;
  }

  it('a retry is woken by a job of its own', async () => {
    const client = new Redis(redis.port);
    const [id] = await deferred(1);
    await eventually(async () => expect(await client.keys('bull:postern-deliveries:*')).not.toEqual([]));
    client.disconnect();
    upstream.script = {};
    await gateway.reaches(id!, 'delivered');
  });

  it('FLUSHALL in the middle loses nothing', async () => {
    const before = upstream.messages.length;
    const ids = await deferred(20);
    const client = new Redis(redis.port);
    await client.flushall();
    client.disconnect();
    upstream.script = {};
    for (const id of ids) await gateway.reaches(id, 'delivered');
    expect(upstream.messages).toHaveLength(before + 20);
  });

  it('gone, mail is taken and relayed all the same, and it is used again when it is back', async () => {
    const ids = await deferred(3);
    await redis.kill();
    upstream.script = {};
    const fresh = await gateway.submit('fresh@x.example');
    for (const id of [...ids, fresh]) await gateway.reaches(id, 'delivered');
    await redis.start();
    const [later] = await deferred(1);
    upstream.script = {};
    await gateway.reaches(later!, 'delivered');
  });
});
