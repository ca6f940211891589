// An app that did not see our 250 sends again: it gets the first one's id, and the message leaves once.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '../../src/platform/log.ts';
import { createDatabase, createPool } from '../../src/platform/postgres.ts';
import { hashToken, newToken } from '../../src/platform/secret.ts';
import { deleteExpiredKeys } from '../../src/store/accept.ts';
import { addCredential } from '../../src/store/credentials.ts';
import type { Database } from '../../src/store/schema.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  gateway = await startTestGateway({ POSTERN_UPSTREAMS: upstream.url('name=main') });
});
beforeEach(() => {
  upstream.messages.length = 0;
});
afterAll(async () => {
  await gateway.end();
  await upstream.stop();
});

let made = 0;
/** Content with a Message-ID of its own. */
function fresh(body = 'hello'): string {
  made += 1;
  return `Message-ID: <${made}@app.example>\r\nSubject: order\r\n\r\n${body}\r\n`;
}
const arrived = () => upstream.messages.length;
const stored = async () =>
  (await gateway.rows<{ count: number }>('select count(*)::int as count from messages'))[0]!.count;

describe('the same submission twice', () => {
  it('is answered with the first id, leaves once, and the timeline says so', async () => {
    const content = fresh();
    const before = await stored();
    const first = await gateway.submit(['a@x.example', 'b@x.example'], content);
    const second = await gateway.submit(['b@x.example', 'a@x.example'], content);
    expect(second).toBe(first);
    await gateway.reaches(first, 'delivered');
    expect(await stored()).toBe(before + 1);
    expect(await gateway.events(first)).toContain('repeated');
    expect(arrived()).toBe(1);
    expect(gateway.lines.filter(line => line.event === 'repeated')).toMatchObject([{ messageId: first }]);
  });

  it('at the same moment, on twenty connections, is stored once', async () => {
    const content = fresh();
    const ids = await Promise.all(Array.from({ length: 20 }, () => gateway.submit('a@x.example', content)));
    expect(new Set(ids).size).toBe(1);
    await gateway.reaches(ids[0]!, 'delivered');
    expect(arrived()).toBe(1);
  });

  it('with another Date, as apps write that make the message anew', async () => {
    const content = fresh();
    const first = await gateway.submit('a@x.example', `Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n${content}`);
    expect(await gateway.submit('a@x.example', `Date: Mon, 23 Nov 2026 12:00:07 +0000\r\n${content}`)).toBe(first);
  });

  it('is not told by a Message-ID that is empty', async () => {
    for (const field of ['Message-ID:', 'Message-ID: <>']) {
      const content = `${field}\r\nSubject: alarm\r\n\r\nthe door is open\r\n`;
      const [first, second] = [
        await gateway.submit('a@x.example', content),
        await gateway.submit('a@x.example', content),
      ];
      expect(second).not.toBe(first);
      for (const id of [first, second]) await gateway.reaches(id, 'delivered');
    }
  });

  it('holds no room at the upstream: what is not stored is not sent', async () => {
    const content = fresh();
    const first = await gateway.submit('a@x.example', content);
    for (let i = 0; i < 30; i += 1) expect(await gateway.submit('a@x.example', content)).toBe(first);
    const other = await gateway.submit('a@x.example', fresh());
    await gateway.reaches(other, 'delivered');
    expect(arrived()).toBe(2);
  });

  it('survives a restart', async () => {
    const content = fresh();
    const first = await gateway.submit('a@x.example', content);
    await gateway.reaches(first, 'delivered');
    await gateway.stop();
    gateway = await startTestGateway(
      { POSTERN_UPSTREAMS: upstream.url('name=main') },
      { database: gateway.database, dataDir: gateway.dataDir },
    );
    expect(await gateway.submit('a@x.example', content)).toBe(first);
  });
});

describe('two submissions, not one', () => {
  it.each([
    ['another recipient', (content: string) => gateway.submit('other@x.example', content)],
    ['one recipient more', (content: string) => gateway.submit(['a@x.example', 'c@x.example'], content)],
    ['another sender', (content: string) => gateway.submit('a@x.example', content, 'other@example.com')],
    ['another body', () => gateway.submit('a@x.example', fresh('other').replace(/<\d+@/, `<${made - 1}@`))],
    ['another header', (content: string) => gateway.submit('a@x.example', `X-Other: 1\r\n${content}`)],
    ['another Message-ID', () => gateway.submit('a@x.example', fresh())],
  ])('%s', async (_name, again) => {
    const content = fresh();
    const first = await gateway.submit('a@x.example', content);
    expect(await again(content)).not.toBe(first);
  });

  it('without a Message-ID each is new: nothing says that they are one', async () => {
    const content = 'Subject: x\r\n\r\nhello\r\n';
    expect(await gateway.submit('a@x.example', content)).not.toBe(await gateway.submit('a@x.example', content));
  });

  it('another credential', async () => {
    const pool = createPool(gateway.database.url, { max: 1, name: 'test', log: createLog('silent') });
    const password = newToken();
    await addCredential(createDatabase<Database>(pool), {
      ...{ credentialId: 'second', tenantId: 'default', name: 'second', secretHash: hashToken(password) },
    });
    await pool.end();
    const content = fresh();
    const first = await gateway.submit('a@x.example', content);
    const client = await SmtpClient.login(gateway.smtpPort, { user: 'second', password });
    const answer = await client.submit('sender@example.com', ['a@x.example'], content);
    client.close();
    expect(answer).toMatch(/^250 2\.6\.0 queued as \w{26}$/);
    expect(answer).not.toContain(first);
  });

  it('when the window is over; and what is over is swept out', async () => {
    const content = fresh();
    const first = await gateway.submit('a@x.example', content);
    await gateway.rows(`update submission_keys set expires_at = now() where message_id = $1`, first);
    const second = await gateway.submit('a@x.example', content);
    expect(second).not.toBe(first);
    expect(await gateway.submit('a@x.example', content)).toBe(second);
    await gateway.rows(`update submission_keys set expires_at = now() where message_id = $1`, second);
    const pool = createPool(gateway.database.url, { max: 1, name: 'test', log: createLog('silent') });
    expect(await deleteExpiredKeys(pool, 100)).toBe(1);
    expect(await deleteExpiredKeys(pool, 100)).toBe(0);
    await pool.end();
  });
});
