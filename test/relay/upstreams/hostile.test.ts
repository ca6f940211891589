// Upstreams that mean harm, or behave as if (THREATS 3 and 17): whatever they do and whenever, the attempt ends soon, with
// the right kind of result: never "accepted" without a positive reply to the last dot, "uncertain" from the last dot on
// and "unreachable" before it. Afterwards the next message goes through a session that nobody has spoilt.
import { afterEach, describe, expect, it } from 'vitest';
import { SmtpUpstream } from '../../../relay/upstreams/smtp.ts';
import { eventually } from '../../support/eventually.ts';
import { type Answer, type Script, ScriptedUpstream } from '../../support/upstream.ts';
import { attempt, envelope, HELLO, NEVER, settingsOf } from './support.ts';

const ACCEPTED = 'accepted: 250 2.0.0 ok queued';
const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const action of undo.splice(0).reverse()) await action();
});

async function start(script: Script, query = '') {
  const server = await ScriptedUpstream.start(script);
  undo.push(() => server.stop());
  const settings = settingsOf('smtp', server.url(query));
  const options = { settings, clientName: 'gateway.test', replyTimeoutMs: 400, connectTimeoutMs: 400 };
  const client = new SmtpUpstream(options);
  undo.push(() => client.close());
  return { server, client };
}

const raw = (text: string | Buffer): Answer => ({ raw: text });
const STAGES = ['banner', 'ehlo', 'mail', 'rcpt', 'data', 'final'] as const;
type At = (typeof STAGES)[number];

/** Only there, with everything else as it should be; without PIPELINING, so that nothing else is in the same packet. */
function scriptAt(stage: At, answer: Answer): Script {
  return { extensions: [], ...(stage === 'rcpt' ? { rcpt: { '*': answer } } : { [stage]: answer }) };
}

const BEHAVIOURS: readonly [string, Answer][] = [
  ['closes', 'CLOSE'],
  ['is silent', 'HANG'],
  ['sends a line without end', raw('2'.repeat(1_000_000))],
  ['sends lines without end', raw('250-x\r\n'.repeat(10_000))],
  ['sends a reply of more than 64 KB', raw(`${`250-${'x'.repeat(4_000)}\r\n`.repeat(20)}250 x\r\n`)],
  ['sends half a line', raw('250 ok')],
  ['sends half a reply', raw('250-ok\r\n')],
  ['sends lines with different codes', raw('250-ok\r\n550 no\r\n')],
  ['sends no code', raw('ok\r\n')],
  ['sends a code of four digits', raw('2500 ok\r\n')],
  ['sends a code out of range', raw('199 ok\r\n')],
  ['sends NUL', raw(Buffer.alloc(100))],
  ['sends a NUL line', raw('\0\r\n')],
  ['sends HTTP', raw('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ['sends an empty line', raw('\r\n')],
];

describe.each(STAGES)('at %s, an upstream that', stage => {
  it.each(BEHAVIOURS)('%s', async (_what, answer) => {
    const { server, client } = await start(scriptAt(stage, answer));
    expect(await attempt(client)).toEqual([`${stage === 'final' ? 'uncertain' : 'unreachable'} at ${stage}`]);
    server.script = {};
    expect(await attempt(client)).toEqual([ACCEPTED]);
    // We are the ones who leave.
    await eventually(() => expect(server.openConnections).toBe(1));
  });
});

describe('a positive reply in the wrong place is no success:', () => {
  it.each<[string, Script, string]>([
    ['354 to MAIL', { mail: '354 go' }, 'unreachable at mail'],
    ['354 to RCPT', { rcpt: { '*': '354 go' } }, 'unreachable at rcpt'],
    ['250 to DATA', { data: '250 2.0.0 queued' }, 'unreachable at data'],
    ['354 to the last dot', { final: '354 more' }, 'uncertain at final'],
    ['354 to EHLO and HELO', { ehlo: '354 go', helo: '354 go' }, 'refused at ehlo, upstream: 354'],
    ['334 to the last dot', { final: '334 more' }, 'uncertain at final'],
    ['a second reply behind that to EHLO', { ehlo: raw('250 x\r\n250 ok\r\n') }, 'unreachable at mail'],
    ['two replies to MAIL', { extensions: [], mail: raw('250 ok\r\n250 ok\r\n') }, 'unreachable'],
    ['two replies to RCPT', { extensions: [], rcpt: { '*': raw('250 ok\r\n354 go\r\n') } }, 'unreachable'],
    [
      'the verdict together with 354',
      { extensions: [], data: raw('354 go\r\n250 queued\r\n') },
      'unreachable at content',
    ],
    ['the verdict together with 354, pipelined', { data: raw('354 go\r\n250 queued\r\n') }, 'unreachable at content'],
    ['all replies before any command', { banner: raw(`220 x\r\n${'250 ok\r\n'.repeat(5)}`) }, 'unreachable at ehlo'],
  ])('%s', async (_what, script, expected) => {
    const { server, client } = await start(script);
    const [result] = await attempt(client);
    expect(result!.slice(0, expected.length)).toBe(expected);
    server.script = {};
    expect(await attempt(client)).toEqual([ACCEPTED]);
  });
});

describe('a verdict stands, and the session ends, when behind it in the same packet there is', () => {
  it.each([
    ['an empty line', '\r\n'],
    ['garbage', '\0\0\0\r\n'],
    ['a line without end', 'x'.repeat(10_000)],
  ])('%s', async (_what, bytes) => {
    const { server, client } = await start({ final: raw(`250 2.0.0 ok queued\r\n${bytes}`) });
    expect(await attempt(client)).toEqual([ACCEPTED]);
    await eventually(() => expect(server.openConnections).toBe(0));
    server.script = { final: raw(`554 5.7.1 no\r\n${bytes}`) };
    expect(await attempt(client)).toEqual(['refused at final, message: 554 5.7.1 no']);
    server.script = {};
    expect(await attempt(client)).toEqual([ACCEPTED]);
    expect(server.connections).toBe(3);
  });
});

describe('a session that lies idle', () => {
  it.each([
    ['replies', '250 2.0.0 ok\r\n'],
    ['a refusal', '550 5.1.1 no\r\n'],
    ['half a reply', '250 2.0'],
    ['garbage', '\0\0\0\r\n'],
    ['a flood', '250 ok\r\n'.repeat(20_000)],
  ])('and is sent %s nobody asked for is not used again', async (_what, bytes) => {
    const { server, client } = await start({});
    expect(await attempt(client)).toEqual([ACCEPTED]);
    server.blurt(bytes);
    const arrives = new Promise(resolve => setImmediate(resolve));
    for (let turn = 0; turn < 50; turn += 1) await arrives.then(() => new Promise(resolve => setImmediate(resolve)));
    expect(await attempt(client)).toEqual([ACCEPTED]);
    expect(server.connections).toBe(2);
    expect(server.messages).toHaveLength(2);
  });
});

describe('EHLO', () => {
  it('with as many lines as a reply may have is read, with one more it is not', async () => {
    const lines = (count: number) => raw(`${'250-X-NOISE\r\n'.repeat(count - 1)}250 PIPELINING\r\n`);
    const { server, client } = await start({ ehlo: lines(100) });
    expect(await attempt(client)).toEqual([ACCEPTED]);
    expect(server.reads[0]).toHaveLength(3);
    const { client: other } = await start({ ehlo: lines(101) });
    expect(await attempt(other)).toEqual(['unreachable at ehlo']);
  });

  it('may announce things that mean nothing', async () => {
    const { server, client } = await start({
      ehlo: raw('250-x\r\n250-SIZE -1\r\n250-SIZE=\r\n250-\r\n250- \r\n250-__proto__ x\r\n250 CONSTRUCTOR\r\n'),
    });
    expect(await attempt(client)).toEqual([ACCEPTED]);
    expect(server.messages).toHaveLength(1);
  });
});

describe('STARTTLS', () => {
  it.each<[string, Script, string]>([
    ['bytes in clear behind the 220', { startTls: 'inject' }, 'unreachable at tls'],
    ['no handshake', { startTls: 'garbage' }, 'unreachable at tls'],
    ['silence behind the 220', { startTls: raw('220 go\r\n') }, 'unreachable at tls'],
    ['silence', { startTls: 'HANG' }, 'unreachable at tls'],
    ['the end', { startTls: 'CLOSE' }, 'unreachable at tls'],
    ['garbage behind the 220', { startTls: raw('220 go\r\n\0\0\r\n') }, 'unreachable at tls'],
    ['half a reply behind the 220', { startTls: raw('220 go\r\n250-x') }, 'unreachable at tls'],
  ])('answered with %s', async (_what, script, expected) => {
    for (const tls of ['opportunistic', 'required', 'verify']) {
      const { server, client } = await start(script, `tls=${tls}`);
      expect(await attempt(client)).toEqual([expected]);
      expect(server.messages).toEqual([]);
    }
  });

  it('that was never offered is not believed in: what TLS would have protected is not sent', async () => {
    const script = { auth: { user: 'me', password: 'pw' } };
    const server = await ScriptedUpstream.start(script);
    undo.push(() => server.stop());
    const settings = settingsOf('smtp', server.url('tls=required', 'me:pw@'));
    const client = new SmtpUpstream({ settings, clientName: 'g.test', replyTimeoutMs: 400, connectTimeoutMs: 400 });
    undo.push(() => client.close());
    expect(await attempt(client)).toEqual(['unreachable at tls']);
    expect(server.conversations[0]).toEqual(['EHLO g.test']);
  });
});

it('one that dribbles bytes for ever is left when the time for one reply is over', async () => {
  const { server, client } = await start({ extensions: [], mail: raw('250-') });
  const dribble = setInterval(() => server.blurt('x'), 20);
  undo.push(async () => clearInterval(dribble));
  const { results } = await client.attempt(envelope('a@x.example'), HELLO, NEVER);
  expect(results).toEqual([{ kind: 'unreachable', stage: 'mail', error: 'no reply within 400 ms' }]);
});

it('many of them at the same time leave no lane occupied', async () => {
  const { server, client } = await start({ mail: 'HANG' }, 'connections=3');
  const all = await Promise.all(Array.from({ length: 9 }, () => attempt(client)));
  expect(all.flat()).toEqual(Array(9).fill('unreachable at mail'));
  server.script = {};
  expect((await Promise.all(Array.from({ length: 9 }, () => attempt(client)))).flat()).toEqual(Array(9).fill(ACCEPTED));
});

it('what it says reaches a log or a terminal without its control characters', async () => {
  const { client } = await start({ final: raw('554 5.7.1 \u001b[2Jgone\u0007\tspam\r\n') });
  expect(await attempt(client)).toEqual(['refused at final, message: 554 5.7.1 [2Jgone  spam']);
});
