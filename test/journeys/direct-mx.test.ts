// Mail goes to where the DNS says: Debian's Postfix as the MX host of three domains, dnsmasq with their zones. One has
// nothing, one a policy of MTA-STS on an https server, one TLSA records whose answers come with the AD bit; dnsmasq has
// that from a server behind it, as it would from a validating one.
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createUpstream } from '../../relay/index.ts';
import { loadSettings } from '../../src/platform/config.ts';
import { createLookup } from '../../src/platform/dns.ts';
import { createOutsideGet } from '../../src/platform/outside-get.ts';
import { attempt, envelope, HELLO, NEVER, settingsOf } from '../relay/upstreams/support.ts';
import { makeCa, type TestCa } from '../support/certificates.ts';
import { type NameServer, startNameServer } from '../support/dns.ts';
import { type DnsServer, startDnsServer } from '../support/dns-server.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, type TestGateway, testEnvironment } from '../support/gateway.ts';
import { canRunPostfix, type Postfix, startPostfix, unlessPostfixRuns } from '../support/postfix-mx.ts';
import { has, unlessInstalled } from '../support/programs.ts';

const HOST = '127.0.0.5';
/** Where the policy's host would stand; the wire below leads to this machine. */
const PUBLIC = '192.88.98.7';
const why = unlessInstalled('dnsmasq') || unlessPostfixRuns;

describe.skipIf(!has('dnsmasq') || !canRunPostfix)(`direct delivery to Postfix${why}`, () => {
  let directory: string;
  let ca: TestCa;
  let postfix: Postfix;
  let signed: NameServer;
  let dns: DnsServer;
  let gateway: TestGateway;
  let policies: Server;
  let policy: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'direct-mx-'));
    ca = await makeCa();
    await writeFile(join(directory, 'ca.pem'), ca.cert);
    const certificate = await ca.issue('mx.sts.test');
    postfix = await startPostfix(HOST, ['plain.test', 'sts.test', 'dane.test'], certificate);
    signed = await startNameServer(signedZone(certificate.cert));
    dns = await startDnsServer([`server=/dane.test/${signed.address.replace(':', '#')}`, 'proxy-dnssec']);
    await dns.publish([
      ...['plain.test. 3600 IN MX 10 mx.plain.test.', `mx.plain.test. 3600 IN A ${HOST}`],
      ...['sts.test. 3600 IN MX 10 mx.sts.test.', `mx.sts.test. 3600 IN A ${HOST}`],
      ...['_mta-sts.sts.test. 3600 IN TXT "v=STSv1; id=1;"', `mta-sts.sts.test. 3600 IN A ${PUBLIC}`],
    ]);
    gateway = await startTestGateway({ POSTERN_UPSTREAMS: url(), POSTERN_DNS_SERVERS: dns.address });
    policies = createServer(await ca.issue('mta-sts.sts.test'), (_request, reply) => reply.end(policy));
    await new Promise<void>(resolve => policies.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    await gateway?.end();
    policies?.close();
    await Promise.all([dns?.stop(), signed?.stop(), postfix?.stop()]);
    await rm(directory, { recursive: true });
  });

  const url = (query = '') => `mx://?private=allow&port=${postfix.port}&ca=${directory}/ca.pem${query}`;

  function signedZone(pem: string): NameServer['zone'] {
    const key = new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' });
    const data = createHash('sha256').update(key).digest();
    return {
      'dane.test': { secure: true, MX: [{ priority: 10, exchange: 'mx.dane.test' }] },
      'mx.dane.test': { secure: true, A: [HOST] },
      [`_${postfix.port}._tcp.mx.dane.test`]: { secure: true, TLSA: [{ usage: 3, selector: 1, matching: 1, data }] },
    };
  }

  /** The gateway's own upstream, but for the wire to the policy's host. */
  function direct() {
    const settings = loadSettings({ ...testEnvironment(directory), POSTERN_DNS_SERVERS: dns.address });
    const wired: string[] = [];
    const get = createOutsideGet({
      lookup: createLookup([dns.address]) ?? null,
      connect({ host, port, servername }) {
        wired.push(`${host}:${port}`);
        return connectTls({
          host: '127.0.0.1',
          port: (policies.address() as AddressInfo).port,
          servername,
          ca: ca.cert,
        });
      },
    });
    return { wired, upstream: createUpstream(settingsOf('mx', url()), settings, 'gateway.test', { get }) };
  }

  it('takes one message to three domains, each secured as its domain asks', async () => {
    const before = postfix.messages().length;
    const id = await gateway.submit(
      ['a@plain.test', 'b@dane.test', 'c@nowhere.test'],
      'Subject: three\r\n\r\nhello\r\n',
    );
    await gateway.reaches(id, 'delivered', 'failed');
    const found = await gateway.rows<{
      recipient: string;
      remote_address: string;
      tls: string;
      enhanced_status: string;
    }>(
      `select recipient, remote_address, tls, enhanced_status from attempts join deliveries using (message_id, n)
       where message_id = $1 order by n`,
      id,
    );
    const at = `${HOST}:${postfix.port}`;
    expect(found).toMatchObject([
      { recipient: 'a@plain.test', remote_address: at, tls: 'TLSv1.3', enhanced_status: '2.0.0' },
      { recipient: 'b@dane.test', remote_address: at, tls: 'TLSv1.3 (DANE)', enhanced_status: '2.0.0' },
      { recipient: 'c@nowhere.test', remote_address: null, tls: null, enhanced_status: '5.1.2' },
    ]);
    await eventually(() => expect(postfix.messages()).toHaveLength(before + 2));
    for (const message of postfix.messages().slice(before)) {
      expect(message).toMatch(/using TLSv1\.3/);
      expect(message).toMatch(/\r\nSubject: three\r\n/);
      expect(message).toMatch(/\r\n\r\nhello\r\n$/);
    }
  });

  it('does not go where the published key is another one, which other domains do not feel', async () => {
    const name = `_${postfix.port}._tcp.mx.other.dane.test`;
    const record = (data: Buffer) => ({ secure: true as const, TLSA: [{ usage: 3, selector: 1, matching: 1, data }] });
    signed.zone['other.dane.test'] = { secure: true, MX: [{ priority: 10, exchange: 'mx.other.dane.test' }] };
    signed.zone['mx.other.dane.test'] = { secure: true, A: [HOST] };
    signed.zone[name] = record(Buffer.alloc(32));
    const id = await gateway.submit('a@other.dane.test');
    await gateway.settled(id);
    const [refusal] = await gateway.attempts(id);
    expect(refusal).toMatchObject({ result: 'refused', stage: 'tls', scope: 'recipient', enhanced_status: '4.7.5' });
    await gateway.reaches(await gateway.submit('a@plain.test'), 'delivered');
  });

  it.each([
    ['its policy names', 'mode: enforce\nmx: mx.sts.test\n', /^TLSv1\.3 \(MTA-STS\)$/],
    ['its policy only tests', 'mode: testing\nmx: mx.sts.test\n', /^TLSv1\.3 \(MTA-STS testing\)$/],
  ])('goes to the host that %s', async (_what, text, tls) => {
    policy = `version: STSv1\n${text}max_age: 86400\n`;
    const { upstream, wired } = direct();
    const report = await upstream.attempt(envelope('a@sts.test'), HELLO, NEVER);
    expect(report).toMatchObject({ results: [{ kind: 'accepted' }], tls: expect.stringMatching(tls) });
    expect(wired).toEqual([`${PUBLIC}:443`]);
    await upstream.close();
  });

  it('does not go to a host that its policy does not name', async () => {
    policy = 'version: STSv1\nmode: enforce\nmx: other.sts.test\nmax_age: 86400\n';
    const { upstream } = direct();
    expect((await attempt(upstream, envelope('a@sts.test')))[0]).toMatch(
      /^refused at tls, recipient: 451 4\.7\.5 MTA-STS/,
    );
    await upstream.close();
  });
});
