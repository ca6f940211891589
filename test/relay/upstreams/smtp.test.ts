// An upstream as the dispatcher sees it: what each recipient's result is, whatever the other side does.
import { afterEach, describe, expect, it } from 'vitest';
import { SmtpUpstream } from '../../../relay/upstreams/smtp.ts';
import type { Address } from '../../../src/mail/address.ts';
import type { Envelope } from '../../../src/mail/envelope.ts';
import { eventually } from '../../support/eventually.ts';
import { type Script, ScriptedUpstream } from '../../support/upstream.ts';
import { attempt, envelope, FakeNeighbours, HELLO, NEVER, settingsOf } from './support.ts';

const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const action of undo.splice(0).reverse()) await action();
});

async function start(script: Script = {}, query = '', login = '', replyTimeoutMs = 5_000) {
  const server = await ScriptedUpstream.start(script);
  undo.push(() => server.stop());
  return { server, client: client(server.url(query, login), replyTimeoutMs) };
}

function client(url: string, replyTimeoutMs = 5_000, neighbours = new FakeNeighbours(1)): SmtpUpstream {
  const made = new SmtpUpstream({
    ...{ settings: settingsOf('smtp', url), clientName: 'gateway.test', replyTimeoutMs, connectTimeoutMs: 5_000 },
    pace: neighbours.pace,
  });
  undo.push(() => made.close());
  return made;
}

describe('a transaction', () => {
  it('is one write for the envelope and one for the message where PIPELINING is offered (RFC 2920)', async () => {
    const { server, client } = await start();
    expect(await attempt(client, envelope('a@x.example', 'b@x.example'))).toEqual(
      Array(2).fill('accepted: 250 2.0.0 ok queued'),
    );
    expect(server.conversations[0]).toEqual([
      'EHLO gateway.test',
      'MAIL FROM:<sender@example.com> SIZE=26',
      'RCPT TO:<a@x.example>',
      'RCPT TO:<b@x.example>',
      'DATA',
    ]);
    expect(server.reads[0]).toHaveLength(3);
    expect(server.messages[0]!.wire.toString()).toBe('Subject: hello\r\n\r\n..hello\r\n.\r\n');
  });

  it('waits for each reply where it is not, and says nothing that is not offered', async () => {
    const { server, client } = await start({ extensions: [] });
    const to = { ...envelope('a@x.example'), ret: 'HDRS', envid: 'e', body: '8BITMIME' } as const;
    expect(await attempt(client, to)).toEqual(['accepted: 250 2.0.0 ok queued']);
    expect(server.conversations[0]).toEqual([
      'EHLO gateway.test',
      'MAIL FROM:<sender@example.com>',
      'RCPT TO:<a@x.example>',
      'DATA',
    ]);
    expect(server.reads[0]).toHaveLength(5);
  });

  it('passes BODY, SMTPUTF8 and the DSN parameters on where they are offered (RFC 3461)', async () => {
    const { server, client } = await start();
    const to: Envelope = {
      ...{ reversePath: null, ret: 'HDRS', envid: 'QQ+2B', body: '8BITMIME', smtpUtf8: true },
      recipients: [{ address: 'ü@x.example' as Address, notify: ['SUCCESS', 'DELAY'], orcpt: 'rfc822;a' }],
    };
    await attempt(client, to);
    expect(server.conversations[0]!.slice(1, 3)).toEqual([
      'MAIL FROM:<> SIZE=26 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+2B',
      'RCPT TO:<ü@x.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a',
    ]);
  });

  it('does not begin for an address that the upstream cannot take (RFC 6531)', async () => {
    const { server, client } = await start({ extensions: ['PIPELINING'] });
    expect((await attempt(client, envelope('ü@x.example')))[0]).toMatch(/^refused at mail, .*: 550 5\.6\.7 /);
    expect(server.messages).toEqual([]);
  });

  it('falls back to HELO', async () => {
    const { server, client } = await start({ ehlo: '502 5.5.1 what?' });
    expect(await attempt(client)).toEqual(['accepted: 250 2.0.0 ok queued']);
    expect(server.conversations[0]![1]).toBe('HELO gateway.test');
  });

  it.each([{ extensions: ['PIPELINING'] }, { extensions: [] }])(
    'gives each recipient its own result: %j',
    async ({ extensions }) => {
      const { server, client } = await start({
        extensions,
        rcpt: { 'no@x.example': '550 5.1.1 nobody', 'later@x.example': '450 4.2.0 greylisted' },
      });
      expect(await attempt(client, envelope('no@x.example', 'a@x.example', 'later@x.example'))).toEqual([
        'refused at rcpt, recipient: 550 5.1.1 nobody',
        'accepted: 250 2.0.0 ok queued',
        'refused at rcpt, recipient: 450 4.2.0 greylisted',
      ]);
      expect(server.messages[0]!.rcpts).toEqual(['RCPT TO:<a@x.example>']);
    },
  );

  it.each([
    ['pipelined', ['PIPELINING']],
    ['one by one', []],
  ])('in which nobody is left sends nothing, and the next one begins clean: %s', async (_name, extensions) => {
    const { server, client } = await start({ extensions, rcpt: { 'no@x.example': '550 5.1.1 nobody' } });
    expect(await attempt(client, envelope('no@x.example'))).toEqual(['refused at rcpt, recipient: 550 5.1.1 nobody']);
    expect(await attempt(client)).toEqual(['accepted: 250 2.0.0 ok queued']);
    expect(server.messages).toHaveLength(1);
    expect(server.connections).toBe(1);
  });

  it('ends a DATA that was granted although nobody is left (RFC 2920 section 3.1)', async () => {
    const { server, client } = await start({ rcpt: { 'no@x.example': '550 5.1.1 nobody' }, final: '554 5.5.1 nobody' });
    // A server that grants DATA whatever RCPT came to: let it believe in one recipient.
    server.script = { ...server.script, rcpt: { '*': { raw: '550 5.1.1 nobody\r\n' } } };
    expect(await attempt(client, envelope('b@x.example'))).toEqual(['refused at rcpt, recipient: 550 5.1.1 nobody']);
    expect(await attempt(client, envelope('b@x.example'))).toEqual(['refused at rcpt, recipient: 550 5.1.1 nobody']);
  });
});

describe('what goes wrong, and when', () => {
  const large: Buffer<ArrayBufferLike>[] = [
    Buffer.from('Subject: x\r\n\r\n'),
    Buffer.alloc(40_000_000, `${'y'.repeat(98)}\r\n`),
  ];

  it.each<[string, Script, string, Buffer[]?]>([
    [
      'the connection is refused in words',
      { banner: '554 5.7.1 not you' },
      'refused at banner, upstream: 554 5.7.1 not you',
    ],
    ['it is too busy', { banner: '421 4.3.2 busy' }, 'refused at banner, upstream: 421 4.3.2 busy'],
    ['it closes before it greets', { banner: 'CLOSE' }, 'unreachable at banner'],
    ['it greets with garbage', { banner: { raw: 'hello there\r\n' } }, 'unreachable at banner'],
    ['it greets without end', { banner: { raw: 'x'.repeat(100_000) } }, 'unreachable at banner'],
    ['it greets in endless lines', { banner: { raw: '220-x\r\n'.repeat(20_000) } }, 'unreachable at banner'],
    [
      'it knows neither EHLO nor HELO',
      { ehlo: '550 no', helo: '550 5.7.1 no' },
      'refused at ehlo, upstream: 550 5.7.1 no',
    ],
    ['it closes at EHLO', { ehlo: 'CLOSE' }, 'unreachable at ehlo'],
    [
      'it refuses the sender',
      { mail: '553 5.1.8 no such domain' },
      'refused at mail, sender: 553 5.1.8 no such domain',
    ],
    ['it defers at MAIL', { mail: '451 4.3.0 later' }, 'refused at mail, upstream: 451 4.3.0 later'],
    [
      'it goes away at MAIL',
      { mail: { say: '421 4.3.2 bye', thenClose: true } },
      'refused at mail, upstream: 421 4.3.2 bye',
    ],
    ['it closes at RCPT', { rcpt: { '*': 'CLOSE' } }, 'unreachable at rcpt'],
    ['it closes at DATA', { data: 'CLOSE' }, 'unreachable at data'],
    ['it defers at DATA', { data: '451 4.3.0 later' }, 'refused at data, upstream: 451 4.3.0 later'],
    ['it answers DATA with 250', { data: '250 2.0.0 fine' }, 'unreachable at data'],
    ['it refuses the message', { final: '554 5.7.1 spam' }, 'refused at final, message: 554 5.7.1 spam'],
    ['it defers the message', { final: '451 4.7.1 later' }, 'refused at final, message: 451 4.7.1 later'],
    ['it closes after the last dot', { final: 'CLOSE' }, 'uncertain at final'],
    ['it says garbage after the last dot', { final: { raw: 'what?\r\n' } }, 'uncertain at final'],
    ['it says half a reply after the last dot', { final: { raw: '250-ok\r\n250-' } }, 'uncertain at final'],
    ['it is silent after the last dot', { final: 'HANG' }, 'uncertain at final'],
    ['it is silent at MAIL', { mail: 'HANG' }, 'unreachable at mail'],
    ['it closes in the middle of a large message', { content: 'CLOSE' }, 'unreachable at content', large],
    [
      'it refuses in the middle of a large message',
      { content: '552 5.3.4 too large' },
      'refused at content, message: 552 5.3.4 too large',
      large,
    ],
    ['it accepts in the middle of a large message', { content: '250 2.0.0 done' }, 'unreachable at content', large],
    ['it stops reading in the middle of a large message', { stopsReading: true }, 'unreachable at content', large],
  ])('%s', async (_name, script, expected, content) => {
    const { client } = await start(script, '', '', 700);
    expect(await attempt(client, envelope('a@x.example'), content)).toEqual([expected]);
  });

  it('nobody listens', async () => {
    const { server, client } = await start();
    await server.stop();
    expect(await attempt(client)).toEqual(['unreachable at connect']);
  });

  it('it has answered before it was asked: its verdicts cannot be trusted', async () => {
    const { server, client } = await start({
      ehlo: { raw: '250-x\r\n250 PIPELINING\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go\r\n250 2.0.0 queued\r\n' },
    });
    expect(await attempt(client)).toEqual(['unreachable at mail']);
    expect(server.messages).toEqual([]);
  });
});

describe('the session', () => {
  it('is used again, and replaced without a word when it died idle', async () => {
    const { server, client } = await start();
    for (let i = 0; i < 3; i += 1) expect(await attempt(client)).toEqual(['accepted: 250 2.0.0 ok queued']);
    expect(server.connections).toBe(1);
    server.disconnect();
    await eventually(() => expect(server.openConnections).toBe(0));
    expect(await attempt(client)).toEqual(['accepted: 250 2.0.0 ok queued']);
    expect(server.connections).toBe(2);
  });

  it('that was told 421 while idle is replaced', async () => {
    const { server, client } = await start();
    await attempt(client);
    server.blurt('421 4.4.2 idle too long\r\n');
    server.disconnect();
    expect(await attempt(client)).toEqual(['accepted: 250 2.0.0 ok queued']);
  });

  it('that says 421 to the next transaction is replaced, a new one that says so is not', async () => {
    const { server, client } = await start({
      mail: ['250 ok', { say: '421 4.7.0 enough', thenClose: true }, '250 ok'],
    });
    expect(await attempt(client)).toEqual(['accepted: 250 2.0.0 ok queued']);
    expect(await attempt(client)).toEqual(['accepted: 250 2.0.0 ok queued']);
    expect(server.connections).toBe(2);
  });

  it('is not used again after a reply that does not fit', async () => {
    const { server, client } = await start({ final: ['250 ok', '250 ok'] });
    await attempt(client);
    server.blurt('250 2.0.0 another one\r\n');
    for (let turn = 0; turn < 50; turn += 1) await new Promise(resolve => setImmediate(resolve));
    expect(await attempt(client)).toEqual(['accepted: 250 ok']);
    expect(server.connections).toBe(2);
  });

  it('goes on after a refusal, with RSET where a transaction was open', async () => {
    const { server, client } = await start({ data: ['451 4.3.0 later', '354 go'] });
    await attempt(client);
    expect(await attempt(client)).toEqual(['accepted: 250 2.0.0 ok queued']);
    expect(server.connections).toBe(1);
    expect(server.conversations[0]).toContain('RSET');
  });

  it('is one of those that this process may have, while others come and go', async () => {
    const server = await ScriptedUpstream.start({ final: 'HANG' });
    undo.push(() => server.stop());
    const neighbours = new FakeNeighbours(2);
    const upstream = client(server.url('connections=5'), 5_000, neighbours);
    const abort = new AbortController();
    const all = Array.from({ length: 6 }, () => attempt(upstream, envelope('a@x.example'), HELLO, abort.signal));
    await eventually(() => expect(server.messages).toHaveLength(2));
    expect(server.openConnections).toBe(2);
    neighbours.become(1);
    await eventually(() => expect(server.messages).toHaveLength(5));
    expect(server.openConnections).toBe(5);
    abort.abort();
    await Promise.all(all);
  });

  it('is ended where it lies idle and others need it', async () => {
    const server = await ScriptedUpstream.start();
    undo.push(() => server.stop());
    const neighbours = new FakeNeighbours(1);
    const upstream = client(server.url('connections=4'), 5_000, neighbours);
    await Promise.all(Array.from({ length: 8 }, () => attempt(upstream)));
    expect(server.openConnections).toBeGreaterThan(1);
    neighbours.become(4);
    await eventually(() => expect(server.openConnections).toBe(1));
    expect(await attempt(upstream)).toEqual(['accepted: 250 2.0.0 ok queued']);
    // One that is no more, as settings are taken over, is forgotten.
    await upstream.close();
    expect(neighbours.listeners.size).toBe(0);
  });

  it('is one of at most `connections`; the others wait', async () => {
    const { server, client } = await start({}, 'connections=2');
    const all = await Promise.all(Array.from({ length: 10 }, () => attempt(client)));
    expect(all.flat()).toEqual(Array(10).fill('accepted: 250 2.0.0 ok queued'));
    expect(server.connections).toBeLessThanOrEqual(2);
  });

  it('says QUIT when the upstream is closed, and leaves no connection', async () => {
    const { server, client } = await start();
    await attempt(client);
    await client.close();
    await eventually(() => expect(server.openConnections).toBe(0));
    expect(server.conversations[0]!.at(-1)).toBe('QUIT');
  });
});

describe('TLS', () => {
  it.each<[string, Script, string, string]>([
    ['is used where it is offered', { startTls: 'works' }, '', 'accepted: 250 2.0.0 ok queued'],
    ['is not missed where it is not', {}, '', 'accepted: 250 2.0.0 ok queued'],
    ['that is required is required', {}, 'tls=required', 'unreachable at tls'],
    [
      'that is required and refused',
      { startTls: '454 4.7.0 not today' },
      'tls=required',
      'refused at tls, upstream: 454 4.7.0 not today',
    ],
    ['that is refused is done without', { startTls: '454 4.7.0 not today' }, '', 'accepted: 250 2.0.0 ok queued'],
    [
      'with a certificate that nobody vouches for does for required',
      { startTls: 'works' },
      'tls=required',
      'accepted: 250 2.0.0 ok queued',
    ],
    [
      'with a certificate that nobody vouches for does not for verify',
      { startTls: 'works' },
      'tls=verify',
      'unreachable at tls',
    ],
    ['that is none', { startTls: 'garbage' }, 'tls=required', 'unreachable at tls'],
    [
      'with bytes in clear behind the 220 (CVE-2011-0411)',
      { startTls: 'inject' },
      'tls=required',
      'unreachable at tls',
    ],
    ['from the first byte', { implicitTls: true }, 'tls=required', 'accepted: 250 2.0.0 ok queued'],
    ['from the first byte, unverified', { implicitTls: true }, '', 'unreachable at tls'],
  ])('%s', async (_name, script, query, expected) => {
    const { server, client } = await start(script, query);
    expect(await attempt(client)).toEqual([expected]);
    if (expected.startsWith('accepted') && script.startTls === 'works') expect(server.messages[0]!.tls).toBe(true);
    if (!expected.startsWith('accepted')) expect(server.messages).toEqual([]);
  });

  it('is spoken with an EHLO of its own (RFC 3207 section 4.2)', async () => {
    const { server, client } = await start({ startTls: 'works' }, 'tls=required');
    const report = await client.attempt(envelope('a@x.example'), HELLO, NEVER);
    expect(report.tls).toMatch(/^TLSv1\.[23]$/);
    expect(server.conversations[0]!.slice(0, 3)).toEqual(['EHLO gateway.test', 'STARTTLS', 'EHLO gateway.test']);
  });
});

describe('AUTH', () => {
  const auth = { user: 'me', password: 'p:w' };
  it.each<[string, Script, string, string]>([
    ['PLAIN', { auth }, 'me:p%3Aw@', 'accepted: 250 2.0.0 ok queued'],
    [
      'LOGIN, where that is all',
      { auth: { ...auth, mechanisms: 'LOGIN' } },
      'me:p%3Aw@',
      'accepted: 250 2.0.0 ok queued',
    ],
    ['that fails', { auth }, 'me:wrong@', 'refused at auth, upstream: 535 5.7.8 no'],
    [
      'that fails for now',
      { auth: { ...auth, refusal: '454 4.7.0 later' } },
      'me:wrong@',
      'refused at auth, upstream: 454 4.7.0 later',
    ],
  ])('%s', async (_name, script, login, expected) => {
    const { client } = await start(script, 'tls=none', login);
    expect(await attempt(client)).toEqual([expected]);
  });
});

describe('an attempt that is told to end', () => {
  it.each<[string, Script, string]>([
    ['before it begins', {}, 'unreachable at connect'],
    ['at the greeting', { banner: 'HANG' }, 'unreachable at banner'],
    ['at RCPT', { rcpt: { '*': 'HANG' } }, 'unreachable at rcpt'],
    ['after the last dot', { final: 'HANG' }, 'uncertain at final'],
  ])('%s', async (when, script, expected) => {
    const { server, client } = await start(script);
    const abort = new AbortController();
    if (when === 'before it begins') abort.abort();
    const result = attempt(client, envelope('a@x.example'), HELLO, abort.signal);
    const isThere = {
      'before it begins': () => undefined,
      'at the greeting': () => expect(server.connections).toBe(1),
      'at RCPT': () => expect(server.conversations[0]).toContain('RCPT TO:<a@x.example>'),
      'after the last dot': () => expect(server.messages).toHaveLength(1),
    }[when]!;
    await eventually(isThere);
    abort.abort();
    expect(await result).toEqual([expected]);
  });

  it('does not begin on a session that was kept, either', async () => {
    const { server, client } = await start();
    await attempt(client);
    expect((await attempt(client, envelope('a@x.example'), HELLO, AbortSignal.abort()))[0]).toMatch(/^unreachable /);
    expect(server.messages).toHaveLength(1);
  });
});

describe('a look without mail', () => {
  it('greets, encrypts, logs in and leaves', async () => {
    const { server, client } = await start({ startTls: 'works', auth: { user: 'me', password: 'pw' } }, '', 'me:pw@');
    expect(await client.probe(NEVER)).toMatchObject({
      tls: expect.stringMatching(/^TLS/),
      remoteAddress: `127.0.0.1:${server.port}`,
    });
    await eventually(() => expect(server.conversations[0]!.at(-1)).toBe('QUIT'));
  });

  it('tells what is wrong', async () => {
    const { client } = await start({ banner: '554 5.7.1 not you' });
    await expect(client.probe(NEVER)).rejects.toThrow('554 5.7.1 not you');
  });
});

describe('recipients who are too many for one transaction (RFC 5321 section 4.5.3.1.10)', () => {
  const TOO_MANY = '452 4.5.3 Too many recipients';

  it('go in another one at once', async () => {
    const { server, client } = await start({
      rcpt: { 'b@x.example': [TOO_MANY, '250 ok'], 'c@x.example': [TOO_MANY, TOO_MANY, '550 5.1.1 nobody'] },
    });
    expect(await attempt(client, envelope('a@x.example', 'b@x.example', 'c@x.example'))).toEqual([
      'accepted: 250 2.0.0 ok queued',
      'accepted: 250 2.0.0 ok queued',
      'refused at rcpt, recipient: 550 5.1.1 nobody',
    ]);
    expect(server.messages.map(message => message.rcpts)).toEqual([
      ['RCPT TO:<a@x.example>'],
      ['RCPT TO:<b@x.example>'],
    ]);
    expect(server.connections).toBe(1);
  });

  it('wait for their next attempt when nobody was taken', async () => {
    const { server, client } = await start({ rcpt: { '*': TOO_MANY } });
    expect(await attempt(client, envelope('a@x.example', 'b@x.example'))).toEqual(
      Array(2).fill(`refused at rcpt, recipient: ${TOO_MANY}`),
    );
    expect(server.conversations[0]!.filter(line => line.startsWith('MAIL'))).toHaveLength(1);
  });
});
