import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError, judgeSettings, loadSettings } from '../../src/platform/config.ts';
import { SETTINGS } from '../../src/platform/settings.ts';

const directory = mkdtempSync(join(tmpdir(), 'config-'));
afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

function problems(environment: Record<string, string>): readonly string[] {
  try {
    loadSettings(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('the settings', () => {
  it('have a default each', () => {
    expect(loadSettings({})).toMatchObject({
      POSTERN_DATA_DIR: './data',
      DATABASE_URL: null,
      REDIS_URL: null,
      POSTERN_HOST: '127.0.0.1',
      POSTERN_SMTP_PORT: 2525,
      POSTERN_SMTPS_PORT: null,
      POSTERN_HTTP_PORT: 8025,
      POSTERN_INSECURE_AUTH: 'loopback',
      POSTERN_MAX_MESSAGE_SIZE: 25_000_000,
      POSTERN_MAX_RECIPIENTS: 1_000,
      POSTERN_UPSTREAMS: null,
      POSTERN_MODE: null,
      POSTERN_MAX_AGE: 172_800_000,
      POSTERN_ROLES: new Set(['listener', 'dispatcher', 'poller', 'followers', 'http']),
      POSTERN_LOG_LEVEL: 'info',
    });
  });

  it.each(
    Object.entries(SETTINGS)
      // A literal key would be copied, and then it is no secret; and one is too long to be shown.
      .filter(([, { example }]) => !example.startsWith('$(') && !example.endsWith('…'))
      .map(([name, { example, schema }]) => [name, example, schema] as const),
  )('have an example that is right: %s=%s', (_name, example, schema) => {
    expect(schema.safeParse(example)).toMatchObject({ success: true });
  });

  it('come from the environment first, then from the file, then from the default; empty counts as absent', () => {
    const yaml = file('a.yaml', 'POSTERN_SMTP_PORT: 1025\nPOSTERN_HTTP_PORT: off\nPOSTERN_ROLES: [listener, http]\n');
    const settings = loadSettings({
      POSTERN_CONFIG: yaml,
      POSTERN_SMTP_PORT: '587',
      POSTERN_HOST: '',
      POSTERN_HTTP_PORT: '',
    });
    expect([settings.POSTERN_SMTP_PORT, settings.POSTERN_HOST]).toEqual([587, '127.0.0.1']);
    expect(settings.POSTERN_ROLES).toEqual(new Set(['listener', 'http']));
    expect(settings.POSTERN_HTTP_PORT).toBeNull();
  });

  it('take a file with nothing but comments for one without settings', () => {
    expect(loadSettings({ POSTERN_CONFIG: file('empty.yaml', '# nothing yet\n') }).POSTERN_SMTP_PORT).toBe(2525);
  });

  it('may come from a file of their own, without its last line end', () => {
    const path = file('secret', 'postgres://u:p@db/x\n');
    expect(loadSettings({ DATABASE_URL_FILE: path }).DATABASE_URL).toBe('postgres://u:p@db/x');
    expect(loadSettings({ DATABASE_URL_FILE: path, DATABASE_URL: 'postgres://other/x' }).DATABASE_URL).toBe(
      'postgres://other/x',
    );
  });

  it('are complained about all together, each with an example', () => {
    const found = problems({
      POSTERN_SMTP_PORT: '70000',
      POSTERN_MAX_AGE: 'long',
      POSTERN_RETRY: '1m,x',
      POSTERN_INSECURE_AUTH: 'yes',
      POSTERN_ROLES: 'listener,cook',
      POSTERN_MAX_MESSAGE_SIZE: '25 MB',
      POSTERN_UPSTREAMS: 'smtp://u:hunter2@x?tls=no',
      POSTERN_SMPT_PORT: '25',
      DATABASE_URL: 'mysql://u:hunter2@x',
      POSTERN_TLS_CERT: '/x',
    });
    expect(found).toHaveLength(10);
    expect(found.filter(problem => /example|no such setting/.test(problem))).toHaveLength(10);
    expect(found.join('\n')).not.toContain('hunter2');
    expect(found.join('\n')).toContain('POSTERN_SMPT_PORT: no such setting');
  });

  it('are complained about with an example for the place where they stand', () => {
    const yaml = file('f.yaml', 'POSTERN_ROUTES:\n  - name: x\n    to: [{}]\nPOSTERN_SMTP_PORT: x\n');
    expect(problems({ POSTERN_CONFIG: yaml })).toEqual([
      expect.stringMatching(/^POSTERN_SMTP_PORT: "x" .*\(example: POSTERN_SMTP_PORT: \d+\)$/),
      expect.stringMatching(/^POSTERN_ROUTES: rule x, to .*\(example: POSTERN_ROUTES: \[\{name: bulk, when: \{/),
    ]);
  });

  it.each([
    ['POSTERN_ROUTES: { bulk: ses }', /^POSTERN_ROUTES: is no list of rules with name, when, to \(example/],
    ['POSTERN_ROUTES: [foo]', /^POSTERN_ROUTES: rule 1 is not made of name, when, to \(example/],
    ['POSTERN_SMTP_PORT: { a: 1 }', /^POSTERN_SMTP_PORT: "\{.*\}" is neither a port number nor off \(example/],
    ['POSTERN_SMTP_PORT: 70000', /^POSTERN_SMTP_PORT: "70000" is above 65535 \(example/],
    ['POSTERN_DELAY_WARNING: late', /^POSTERN_DELAY_WARNING: "late" is neither a duration nor off \(example/],
    ['POSTERN_ROLES: listner', /^POSTERN_ROLES: "listner" is none of listener, .* all \(example/],
    ['POSTERN_DNS_SERVERS: foo', /^POSTERN_DNS_SERVERS: "foo" is not ip:port \(example/],
    ['POSTERN_UPSTREAMS: smtp://x?tls=no', /tls=no, which is not one of: .* \(docs\/upstreams\.md has examples\)$/],
    ['POSTERN_UPSTREAMS: smtp.example.com', /is not a URL \(example: POSTERN_UPSTREAMS: smtp:/],
    ['POSTERN_SMPT_PORT: 25', /no such setting \(did you mean POSTERN_SMTP_PORT\? docs\/settings\.md lists them\)$/],
  ])('%s is complained about once, in words that help', (line, complaint) => {
    expect(problems({ POSTERN_CONFIG: file('i.yaml', line) })).toEqual([expect.stringMatching(complaint)]);
  });

  it('that are right can be read beside those that are wrong', () => {
    const yaml = file('g.yaml', 'POSTERN_ROUTES: x\nPOSTERN_SMTP_PORT: 1025\nPOSTERN_PROT: 1\n');
    const { settings, problems } = judgeSettings({ POSTERN_CONFIG: yaml, POSTERN_HOST: '127.0.0.2' });
    expect(problems).toHaveLength(2);
    expect([settings.POSTERN_SMTP_PORT, settings.POSTERN_HOST]).toEqual([1025, '127.0.0.2']);
    expect(() => settings.POSTERN_ROUTES).toThrow(ConfigError);
  });

  it('that may stand in a file which cannot be read are not taken for their defaults', () => {
    const { settings, problems } = judgeSettings({ POSTERN_CONFIG: file('h.yaml', '{'), POSTERN_HOST: '127.0.0.2' });
    expect(problems).toHaveLength(1);
    expect(settings.POSTERN_HOST).toBe('127.0.0.2');
    expect(() => settings.DATABASE_URL).toThrow(ConfigError);
  });

  it('leave the upstreams to the dispatcher of a process that only listens', () => {
    expect(loadSettings({ POSTERN_ROLES: 'listener', POSTERN_MODE: 'live' }).POSTERN_MODE).toBe('live');
  });

  it.each([
    ['a file that is not there', { POSTERN_CONFIG: '/nowhere/postern.yaml' }, /cannot be read/],
    ['a file that is no YAML', { POSTERN_CONFIG: file('b.yaml', '{') }, /cannot be read/],
    [
      'a file of two documents',
      { POSTERN_CONFIG: file('e.yaml', 'POSTERN_MODE: live\n---\n{}\n') },
      /not a list of NAME/,
    ],
    ['a file that is a list', { POSTERN_CONFIG: file('c.yaml', '- a\n') }, /not a list of NAME/],
    ['a misspelt key in the file', { POSTERN_CONFIG: file('d.yaml', 'POSTERN_PROT: 1\n') }, /no such setting/],
    ['a secret file that is not there', { POSTERN_ADMIN_PASSWORD_FILE: '/nowhere/x' }, /ENOENT/],
    ['a wait longer than a timer', { POSTERN_UPSTREAM_TIMEOUT: '30d' }, /POSTERN_UPSTREAM_TIMEOUT.*above 1d/],
    ['no wait at all', { POSTERN_UPSTREAM_TIMEOUT: '0s' }, /more than nothing/],
    ['an age beyond all dates', { POSTERN_MAX_AGE: '999999999d' }, /above 365d/],
    ['a host name of two lines', { POSTERN_HOSTNAME: 'a\r\nb' }, /not the name of a host/],
    [
      'a balancer that is no network',
      { POSTERN_PROXY_NETWORKS: '10.0.0.0/8,10.1' },
      /"10\.1" is no network, and no address/,
    ],
    ['no session for anybody', { POSTERN_MAX_SESSIONS_PER_IP: '0' }, /not a positive whole number/],
    ['live without an upstream', { POSTERN_MODE: 'live' }, /POSTERN_UPSTREAMS/],
    ['upstreams that are none', { POSTERN_UPSTREAMS: ' , ' }, /POSTERN_UPSTREAMS/],
  ])('name %s', (_name, environment, expected) => {
    const found = problems(environment);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(expected);
  });
});
