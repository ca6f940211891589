// `postern domain …` as people use it, against a real DNS server: add, publish what it says, check, rotate, remove.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postern } from '../support/command-line.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { type DnsServer, startDnsServer } from '../support/dns-server.ts';
import { has, unlessInstalled } from '../support/programs.ts';

describe.skipIf(!has('dnsmasq'))(`the domain commands${unlessInstalled('dnsmasq')}`, { timeout: 120_000 }, () => {
  let database: TestDatabase;
  let dns: DnsServer;
  let dataDir: string;
  let environment: Record<string, string>;
  beforeAll(async () => {
    database = await cloneDatabase();
    dns = await startDnsServer();
    dataDir = await mkdtemp(join(tmpdir(), 'domain-'));
    environment = {
      ...{ DATABASE_URL: database.url, POSTERN_DATA_DIR: dataDir, POSTERN_DNS_SERVERS: dns.address },
      POSTERN_HTTP_PORT: 'off',
      POSTERN_UPSTREAMS: 'smtp://u:p@relay.example.net:587?name=main',
    };
  });
  afterAll(async () => {
    await dns.stop();
    await database.drop();
    await rm(dataDir, { recursive: true });
  });

  const run = (...args: string[]) => postern(environment, 'domain', ...args);
  /** The lines that it says to put into the zone file. */
  const zoneLines = async (...args: string[]) => (await run(...args, '--zone')).stdout.split('\n').filter(Boolean);
  const MX = 'example.com. 3600 IN MX 10 mx.example.com.';
  let zone: string[] = [];

  it('say exactly what is missing; once that is published, all is well and mail is signed', async () => {
    const added = await run('add', 'Example.com');
    expect([added.code, added.stderr]).toEqual([0, '']);
    expect(added.stdout.match(/^ +host {3}p\d{6}[re]\._domainkey\n +value {2}v=DKIM1; k=/gm)).toHaveLength(2);
    const keys = await zoneLines('dkim', 'example.com');
    expect(keys.map(line => line.split(' ')[0])).toEqual([
      expect.stringMatching(/^p\d{6}r\._domainkey\.example\.com\.$/),
      expect.stringMatching(/^p\d{6}e\._domainkey\.example\.com\.$/),
    ]);

    const missing = await run('check', 'example.com');
    expect(missing.code).toBe(1);
    expect(missing.stdout).toMatch(/^example\.com: 4 of 4 records are missing or wrong\n/);
    zone = await zoneLines('check', 'example.com');
    expect(zone).toEqual([
      ...keys,
      'example.com. 3600 IN TXT "v=spf1 a:relay.example.net ~all"',
      '_dmarc.example.com. 3600 IN TXT "v=DMARC1; p=none; rua=mailto:postmaster@example.com"',
    ]);
    expect(missing.stdout).toMatch(/^note +MX +example\.com\n +there is no MX/m);
    expect(missing.stdout).toMatch(/^ +host {3}_dmarc\n +value {2}v=DMARC1; p=none/m);
    expect((await run('list')).stdout).toMatch(/^example\.com +default +nothing yet +broken +\d{4}-/m);

    await dns.publish([...zone, MX]);
    const well = await run('check');
    expect([well.code, well.stderr]).toEqual([0, '']);
    expect(well.stdout).toMatch(/^example\.com: all is well\n/);
    expect(well.stdout).toMatch(/\np\d{6}r and p\d{6}e sign from now on\.\n/);
    expect(await zoneLines('check')).toEqual([]);
    const [listed] = (await run('list', '--json')).stdout.split('\n').map(line => line && JSON.parse(line));
    expect(listed).toMatchObject({ domain: 'example.com', tenantId: 'default', result: { state: 'ok' } });
    expect(JSON.stringify(listed)).not.toMatch(/private|sealed/i);
  });

  it('name one record that was changed, and not the others', async () => {
    await dns.publish([...zone.map(line => line.replace('a:relay.example.net', 'mx').replace('~all', '-all')), MX]);
    const { code, stdout } = await run('check', '--json');
    const { state, findings } = JSON.parse(stdout);
    expect([code, state]).toEqual([1, 'broken']);
    const wrong = findings.filter(({ status }: { status: string }) => status !== 'found');
    expect(wrong).toMatchObject([
      { rule: 'spf-sender-missing', publish: { value: 'v=spf1 mx a:relay.example.net -all' } },
    ]);
    await dns.publish([...zone, MX]);
  });

  it('rotate: the new keys are published first, sign when they were seen, and the old stay a while', async () => {
    const rotated = await run('dkim', 'example.com', '--rotate');
    expect(rotated.stdout).toMatch(/r2, rsa-sha256: waits to be seen in the DNS\n/);
    expect(rotated.stdout).not.toMatch(/signs since/);
    expect((await run('dkim', 'example.com', '--rotate')).stderr).toContain('has new keys already');
    const before = await run('check');
    expect(before.code).toBe(0);
    expect(before.stdout).toMatch(
      /^note +DKIM +p\d{6}r2\S*\n +is not there; the key before it signs until it is\. Publish:/m,
    );
    const waiting = await zoneLines('check');
    expect(waiting).toHaveLength(2);
    zone = [...zone, ...waiting];
    await dns.publish([...zone, MX]);
    const after = await run('check');
    expect(after.stdout).toMatch(/\np\d{6}r2 and p\d{6}e2 sign from now on\.\n/);
    const shown = await run('dkim', 'example.com');
    expect(shown.stdout).toMatch(/^p\d{6}r, rsa-sha256: signs no more; leave its record until 20\d\d-\d\d-\d\d$/m);
    await database.rows(`update dkim_keys set retired_at = now() - interval '30 days' where retired_at is not null`);
    expect((await run('check')).stdout.match(/signs no more: this record may go/g)).toHaveLength(2);
    zone = zone.filter(line => !/^p\d{6}[re]\./.test(line));
    await dns.publish([...zone, MX]);
    await run('check');
    expect((await run('dkim', 'example.com', '--json')).stdout.trim().split('\n')).toHaveLength(2);
  });

  it('rotate at once with --now', async () => {
    const { code, stdout } = await run('dkim', 'example.com', '--rotate', '--now', '--json');
    expect(code).toBe(0);
    const keys = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(keys.map(key => (key.retiredAt ? 'retired' : key.activeFrom ? 'signs' : 'waits'))).toEqual([
      ...['retired', 'retired', 'signs', 'signs'],
    ]);
    expect((await run('dkim', 'example.com', '--now')).stderr).toContain('no key of example.com waits');
  });

  it.each([
    [['add', 'example.com'], 1, 'there is a domain example.com already'],
    [['add', 'co.uk'], 2, "co.uk is nobody's own domain"],
    [['add', 'not a domain'], 2, 'is not a domain'],
    [['add', 'other.example', '--tenant', 'nobody'], 1, 'there is no tenant nobody'],
    [['remove', 'other.example'], 1, 'there is no domain other.example'],
    [['dkim', 'other.example'], 1, 'there is no domain other.example'],
    [['check', 'other.example'], 1, 'there is no domain other.example'],
    [['add'], 2, 'missing required argument'],
  ])('%j: exit %i, %s', async (args, code, said) => {
    const outcome = await run(...args);
    expect(outcome.stderr).toContain(said);
    expect(outcome.code).toBe(code);
    expect(outcome.stderr).not.toMatch(/\n\s+at /);
  });

  it('doctor looks at the domains and at the key; a machine with another key is told so', async () => {
    const findings = async (changes: Record<string, string> = {}) => {
      const { stdout } = await postern({ ...environment, POSTERN_UPSTREAMS: '', ...changes }, 'doctor', '--json');
      return stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line))
        .filter(({ check }) => ['domain', 'secret key'].includes(check));
    };
    expect(await findings()).toMatchObject([
      { check: 'secret key', ok: true },
      {
        check: 'domain',
        ok: false,
        detail: 'example.com: dkim-missing',
        todo: expect.stringContaining('postern domain check example.com'),
      },
    ]);
    const other = { POSTERN_SECRET_KEY: randomBytes(32).toString('base64') };
    expect((await findings(other))[0]).toMatchObject({
      ok: false,
      detail: expect.stringContaining('encrypted under another key'),
    });
    const refused = await postern({ ...environment, ...other }, 'domain', 'add', 'second.example');
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining('give this machine the same POSTERN_SECRET_KEY'),
    ]);
  });

  it('without an answer of the DNS say that, and not that records are missing', async () => {
    await dns.stop();
    const { code, stdout } = await run('check');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^example\.com: could not be checked\n/);
    expect(stdout).toMatch(
      /^UNKNOWN +SPF +example\.com\n +could not be checked: the DNS did not answer \((ECONNREFUSED|ETIMEOUT)\)$/m,
    );
    expect(stdout).not.toContain('MISSING');
    expect((await run('list')).stdout).toMatch(/^example\.com .* (ok|broken) +\d{4}-/m);
  });

  it('remove takes it away with its keys', async () => {
    expect((await run('remove', 'example.com')).stdout).toMatch(
      /^Removed example\.com\.[\s\S]*Leave its DKIM records until \d{4}-/,
    );
    expect(await database.rows('select * from dkim_keys')).toEqual([]);
    expect((await run('list')).stdout).toMatch(/^No domains/);
  });
});
