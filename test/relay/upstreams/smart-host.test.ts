// How a smart host is reached and logged in to: certificates, tokens, proxies, source addresses.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SmtpUpstream } from '../../../relay/upstreams/smtp.ts';
import { makeCa, type TestCa } from '../../support/certificates.ts';
import { type SocksScript, startSocksProxy } from '../../support/socks-proxy.ts';
import { type Certificate, type Script, ScriptedUpstream } from '../../support/upstream.ts';
import { attempt, envelope, HELLO, NEVER, settingsOf } from './support.ts';

const ACCEPTED = ['accepted: 250 2.0.0 ok queued'];
let directory: string;
let ca: TestCa;
let caFile: string;
const undo: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'smart-host-'));
  ca = await makeCa();
  caFile = join(directory, 'ca.pem');
  await writeFile(caFile, ca.cert);
});
afterEach(async () => {
  for (const action of undo.splice(0).reverse()) await action();
});
afterAll(() => rm(directory, { recursive: true }));

async function start(script: Script, certificate?: Certificate) {
  const server = await ScriptedUpstream.start(script, certificate ? { certificate } : {});
  undo.push(() => server.stop());
  return server;
}

function client(url: string): SmtpUpstream {
  const made = new SmtpUpstream({
    ...{
      settings: settingsOf('smtp', url),
      clientName: 'gateway.test',
      replyTimeoutMs: 2_000,
      connectTimeoutMs: 2_000,
    },
  });
  undo.push(() => made.close());
  return made;
}

describe('a certificate that is verified', () => {
  it.each<[string, string, string[], string]>([
    ['of the CA that the URL names, for the name that it names', 'servername=mx.example.com', ['mx.example.com'], 'ok'],
    ['for another name', 'servername=mx.example.com', ['other.example.com'], 'fails'],
    ['for the parent of the name', 'servername=mx.example.com', ['example.com'], 'fails'],
    ['without a name to be for, of a host that is an address', 'name=x', ['mx.example.com'], 'fails'],
  ])('%s', async (_what, query, names, outcome) => {
    for (const script of [{ startTls: 'works' }, { implicitTls: true }] satisfies Script[]) {
      const server = await start(script, await ca.issue(...names));
      const upstream = client(server.url(`tls=verify&ca=${caFile}&${query}`));
      expect(await attempt(upstream)).toEqual(outcome === 'ok' ? ACCEPTED : ['unreachable at tls']);
      expect(server.messages).toHaveLength(outcome === 'ok' ? 1 : 0);
    }
  });

  it('is not that of another CA of the same name, nor one out of date', async () => {
    const [impostor, expired] = [await makeCa(), await makeCa('Test CA', -10 * 86_400_000)];
    for (const other of [impostor, expired]) {
      const server = await start({ startTls: 'works' }, await other.issue('mx.example.com'));
      const upstream = client(server.url(`tls=verify&ca=${caFile}&servername=mx.example.com`));
      expect(await attempt(upstream)).toEqual(['unreachable at tls']);
    }
  });

  it('needs a CA file that is one, which is known at the start', async () => {
    const empty = join(directory, 'empty.pem');
    await writeFile(empty, 'nothing\n');
    expect(() => client(`smtp://127.0.0.1?ca=${empty}`)).toThrow(`ca=${empty} cannot be used: no PEM`);
    expect(() => client('smtp://127.0.0.1?ca=/no/such/file')).toThrow('ENOENT');
  });
});

describe('a login with an access token', () => {
  const oauth = (mechanisms: string) => ({ oauth: { user: 'me@x.example', token: 'ya29.abc', mechanisms } });
  let tokenFile: string;
  const withToken = async (server: ScriptedUpstream, token: string) => {
    tokenFile = join(directory, 'token');
    await writeFile(tokenFile, token);
    return client(server.url(`tls=none&auth=xoauth2&token-file=${tokenFile}`, 'me%40x.example@'));
  };

  it.each([
    ['XOAUTH2 PLAIN', 'AUTH XOAUTH2 dXNlcj1tZUB4LmV4YW1wbGUBYXV0aD1CZWFyZXIgeWEyOS5hYmMBAQ=='],
    ['OAUTHBEARER', /^AUTH OAUTHBEARER bixhPW1lQHguZXhhbXBsZSwB/],
  ])('where %s is offered', async (mechanisms, line) => {
    const server = await start(oauth(mechanisms));
    expect(await attempt(await withToken(server, 'ya29.abc\n'))).toEqual(ACCEPTED);
    expect(server.conversations[0]![1]).toMatch(line);
  });

  it.each(['XOAUTH2', 'OAUTHBEARER'])('that is refused with a challenge is refused: %s', async mechanisms => {
    const server = await start(oauth(mechanisms));
    expect(await attempt(await withToken(server, 'stale'))).toEqual([
      'refused at auth, upstream: 535 5.7.8 token refused',
    ]);
    // RFC 7628 section 3.2.3 answers the challenge with one byte, XOAUTH2 with none.
    expect(server.conversations[0]!.at(-1)).toBe(mechanisms === 'XOAUTH2' ? '' : 'AQ==');
  });

  it('reads the token again at each login', async () => {
    const server = await start(oauth('XOAUTH2'));
    const upstream = await withToken(server, 'stale');
    expect(await attempt(upstream)).not.toEqual(ACCEPTED);
    await writeFile(tokenFile, 'ya29.abc');
    expect(await attempt(upstream)).toEqual(ACCEPTED);
  });

  it.each(['', 'two words', 'line\r\nMAIL FROM:<x>', 'x'.repeat(9_000)])('sends no token like %j', async token => {
    const server = await start(oauth('XOAUTH2'));
    const { results } = await (await withToken(server, token)).attempt(envelope('a@x.example'), HELLO, NEVER);
    expect(results[0]).toMatchObject({ kind: 'unreachable', stage: 'auth', error: `no token in ${tokenFile}` });
    expect(server.conversations[0]).toEqual(['EHLO gateway.test']);
  });

  it('names the method where the URL does', async () => {
    const server = await start({ auth: { user: 'me', password: 'pw' } });
    expect(await attempt(client(server.url('tls=none&auth=login', 'me:pw@')))).toEqual(ACCEPTED);
    expect(server.conversations[0]![1]).toBe('AUTH LOGIN');
  });
});

describe('a SOCKS5 proxy', () => {
  const through = async (script: SocksScript, login = '', host: Script = {}) => {
    const [proxy, server] = [await startSocksProxy(script), await start(host)];
    undo.push(() => proxy.stop());
    return { proxy, server, upstream: client(server.url(`proxy=socks5://${login}127.0.0.1:${proxy.port}`)) };
  };

  it('connects for us, by the name that we give it', async () => {
    const { proxy, server } = await through({});
    const url = `smtp://localhost:${server.port}?proxy=socks5://127.0.0.1:${proxy.port}`;
    const report = await client(url).attempt(envelope('a@x.example'), HELLO, NEVER);
    expect(report).toMatchObject({ remoteAddress: `localhost:${server.port} through 127.0.0.1` });
    expect(proxy.asked).toEqual([`localhost:${server.port}`]);
  });

  it('gets the login that it wants', async () => {
    const { upstream } = await through({ login: { user: 'u', password: 'p:w' } }, 'u:p%253Aw@');
    expect(await attempt(upstream)).toEqual(ACCEPTED);
  });

  it('may send its last words together with the first of the host', async () => {
    const { upstream } = await through({ joins: true });
    expect(await attempt(upstream)).toEqual(ACCEPTED);
  });

  it('is no way round TLS for passwords, though it stands on this machine', async () => {
    const { proxy, server } = await through({}, '', { auth: { user: 'me', password: 'pw' } });
    const upstream = client(server.url(`proxy=socks5://127.0.0.1:${proxy.port}`, 'me:pw@'));
    expect(await attempt(upstream)).toEqual(['unreachable at auth']);
  });

  it.each<[string, SocksScript, string, string]>([
    ['that refuses', { outcome: 5 }, '', 'proxy: connection refused'],
    ['that refuses the login', { login: { user: 'u', password: 'p' } }, 'u:no@', 'proxy: login refused'],
    ['that wants a login', { login: { user: 'u', password: 'p' } }, '', 'proxy: wants another kind of login'],
    ['that speaks SMTP', { says: Buffer.from('220 hello\r\n') }, '', 'proxy: does not speak SOCKS5'],
    ['that says nothing', { says: Buffer.alloc(0) }, '', 'no connection within 2000 ms'],
  ])('%s makes the host unreachable', async (_what, script, login, error) => {
    const { upstream } = await through(script, login);
    const { results } = await upstream.attempt(envelope('a@x.example'), HELLO, NEVER);
    expect(results).toEqual([{ kind: 'unreachable', stage: 'connect', error }]);
  });
});

describe('a source address', () => {
  it('is where the connection comes from', async () => {
    const server = await start({});
    const peers: string[] = [];
    server.onConnection = remoteAddress => peers.push(remoteAddress);
    expect(await attempt(client(server.url('source=127.0.0.9&ehlo=out.example.com')))).toEqual(ACCEPTED);
    expect(peers).toEqual(['127.0.0.9']);
    expect(server.conversations[0]![0]).toBe('EHLO out.example.com');
  });

  it('that is not ours makes the host unreachable', async () => {
    const server = await start({});
    expect(await attempt(client(server.url('source=192.0.2.1')))).toEqual(['unreachable at connect']);
  });
});
