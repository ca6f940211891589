// Commands that read other settings than the gateway that runs goes by: they say so.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postern } from '../support/command-line.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

let database: TestDatabase;
let gateway: TestGateway;
beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(async () => {
  await gateway.end();
  await database.drop();
});

const FIRST = 'smtp://u:secret@127.0.0.1:1?name=first';
const QUESTIONS = [
  ['upstream', 'list'],
  ['route', 'list'],
  ['route', 'test', '--from', 'a@example.com', '--to', 'b@example.net'],
  ['explain', '--credential', 'app', '--from', 'a@example.com', '--to', 'b@example.net'],
];
const ask = (changes: Record<string, string>, ...args: string[]) =>
  postern({ DATABASE_URL: database.url, POSTERN_HTTP_PORT: String(gateway.httpPort), ...changes }, ...args);

describe('beside a gateway that sends', () => {
  beforeAll(async () => {
    gateway = await startTestGateway({ POSTERN_UPSTREAMS: FIRST }, { database });
  });

  it.each(QUESTIONS)('%s %s says that it goes by others', async (...args) => {
    const { stderr } = await ask({ POSTERN_UPSTREAMS: 'null://?name=second' }, ...args);
    expect(stderr).toMatch(
      /^postern: what runs goes by upstreams first, not by second \(dispatcher \S+\): postern\.yaml/m,
    );
  });

  it('and says nothing where they are the same, whatever the password', async () => {
    const same = { POSTERN_UPSTREAMS: FIRST.replace('secret', 'other') };
    for (const args of QUESTIONS) expect((await ask(same, ...args)).stderr).toBe('');
    expect((await ask({ ...same, POSTERN_MAX_AGE: '7h' }, 'route', 'list')).stderr).toContain('by other settings');
  });

  it('doctor has it as a finding', async () => {
    const { code, stdout } = await ask({ POSTERN_UPSTREAMS: 'null://?name=second' }, 'doctor');
    expect(stdout).toMatch(/^FAILED {2}settings {5}what runs goes by upstreams first, not by second/m);
    expect(code).toBe(1);
    expect((await ask({ POSTERN_UPSTREAMS: FIRST }, 'doctor')).stdout).not.toContain('what runs goes by');
  });
});

describe('beside a gateway that captures', () => {
  beforeAll(async () => {
    await gateway.end();
    gateway = await startTestGateway({}, { database });
  });

  it('upstreams in the settings are told to be nobody’s yet', async () => {
    const { stderr } = await ask({ POSTERN_UPSTREAMS: FIRST }, 'upstream', 'list');
    expect(stderr).toMatch(/^postern: what runs sends nothing: it was started without upstreams/);
    expect((await ask({}, 'upstream', 'list')).stderr).toBe('');
  });
});
