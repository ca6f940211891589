// Mail that is kept and never sent.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { hashToken, newToken } from '../../src/platform/secret.ts';
import { addCredential } from '../../src/store/credentials.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { startTestGateway } from '../support/gateway.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());

it('without an upstream everything is captured', async () => {
  const gateway = await startTestGateway({}, { database });
  const id = await gateway.submit(['a@x.example', 'b@x.example']);
  expect(await gateway.deliveries(id)).toMatchObject(
    Array(2).fill({ state: 'captured', reason: 'capture-mode', due_in_s: null }),
  );
  expect(await gateway.events(id)).toEqual(['captured']);
  expect(await gateway.attempts(id)).toEqual([]);
  await gateway.end();
});

it('with upstreams, mail of a credential in capture mode is, and that of others is sent', async () => {
  const upstream = await ScriptedUpstream.start();
  const gateway = await startTestGateway({ POSTERN_UPSTREAMS: upstream.url('name=main') }, { database });
  const password = newToken();
  await addCredential(database.db, {
    ...{
      credentialId: 'capturing',
      tenantId: 'default',
      name: 'staging',
      secretHash: hashToken(password),
      mode: 'capture',
      fromDomains: [],
    },
  });
  const client = await SmtpClient.login(gateway.smtpPort, { user: 'staging', password });
  const answer = await client.submit('s@example.com', ['a@x.example'], 'Subject: kept\r\n\r\n');
  client.close();
  const sent = await gateway.submit('b@x.example');
  await gateway.reaches(sent, 'delivered');
  expect(await gateway.deliveries(answer.split(' ').at(-1)!)).toMatchObject([{ state: 'captured' }]);
  expect(upstream.messages.map(({ rcpts }) => rcpts)).toEqual([['RCPT TO:<b@x.example>']]);
  await gateway.end();
  await upstream.stop();
});

it('POSTERN_MODE=capture holds although there are upstreams', async () => {
  const upstream = await ScriptedUpstream.start();
  const gateway = await startTestGateway(
    { POSTERN_UPSTREAMS: upstream.url('name=main'), POSTERN_MODE: 'capture' },
    { database },
  );
  const id = await gateway.submit('a@x.example');
  expect(await gateway.deliveries(id)).toMatchObject([{ state: 'captured' }]);
  expect(upstream.connections).toBe(0);
  await gateway.end();
  await upstream.stop();
});
