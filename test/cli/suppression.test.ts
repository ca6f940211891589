// The suppression list from the command line: what is added is listed, exported, and the same after an import.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postern, printedJson } from '../support/command-line.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let folder: string;

beforeAll(async () => {
  database = await cloneDatabase();
  folder = await mkdtemp(join(tmpdir(), 'suppression-'));
});
afterAll(async () => {
  await database.drop();
  await rm(folder, { recursive: true });
});

const run = (...args: string[]) => postern({ DATABASE_URL: database.url, POSTERN_DATA_DIR: folder }, ...args);
const list = (...args: string[]) => printedJson(run('suppression', 'list', '--json', ...args));

describe('suppression', () => {
  it('add, list, export and import tell scope, times and probation', async () => {
    const expires = '2099-02-01T12:00:00.000Z';
    const scope = ['--tenant', 'default', '--stream', 'bulk'];
    await run('suppression', 'add', 'Until@x.example', '--expires', expires, '--evidence', '=asked', ...scope);
    await run(
      'suppression',
      'add',
      'b\u00fccher@b\u00fccher.example',
      'gone@x.example',
      '--reason',
      'hard-bounce',
      '--for',
      '90d',
    );
    await database.rows(
      `update suppressions set times = 2, expires_at = now() - interval '1 day' where address_key like 'gone@%'`,
    );
    await database.rows(
      `update suppressions set probe_message_id = 'm', probe_n = 0 where address_key like 'b\u00fccher@%'`,
    );
    const before = await list();
    expect(before).toMatchObject([
      {
        address: 'until@x.example',
        tenantId: 'default',
        stream: 'bulk',
        reason: 'manual',
        evidence: '=asked',
        expiresAt: expires,
        times: 1,
        probation: null,
      },
      { address: 'b\u00fccher@xn--bcher-kva.example', reason: 'hard-bounce', probation: 'out' },
      { address: 'gone@x.example', times: 2, probation: 'due' },
    ]);
    const { stdout: table } = await run('suppression', 'list');
    expect(table).toMatch(/^until@x\.example +manual +default bulk +\S+ \S+ +2099-02-01 \S+ +1 +=asked$/m);
    expect(table).toMatch(/^b\u00fccher@xn--bcher-kva\.example .*, a probe is out +1$/m);
    expect(table).toMatch(/^gone@x\.example .* the next message tries it out +2$/m);

    const { stdout: csv } = await run('suppression', 'export');
    expect(csv.split('\n')[0]).toBe('address,tenant,stream,reason,evidence,created_at,expires_at,times,probation');
    expect(csv).toMatch(/^gone@x\.example,.*,2,due$/m);
    await database.rows('delete from suppressions');
    await writeFile(join(folder, 'list.csv'), csv);
    expect((await run('suppression', 'import', join(folder, 'list.csv'))).stdout).toBe('Imported 3 addresses.\n');
    const ends = (rows: { address: string; expiresAt: string | null; times: number }[]) =>
      rows
        .map(({ address, expiresAt, times }) => ({ address, expiresAt, times }))
        .sort((a, b) => (a.address < b.address ? -1 : 1));
    expect(ends(await list())).toEqual(ends(before));
    expect((await run('suppression', 'remove', '"GONE"@x.example')).stdout).toBe('Lifted 1 suppression.\n');
    expect(await list('--address', '*@B\u00dcCHER.example')).toHaveLength(1);
  });

  it.each([
    [['add', 'a@x.example', '--expires', 'soon'], 2, '--expires soon is no time'],
    [['add', 'a@x.example', '--expires', '2020-01-01'], 2, '--expires 2020-01-01 is past'],
    [['add', 'a@x.example', '--expires', '2099-01-01', '--for', '1d'], 2, '--for or --expires, not both'],
    [['add', 'a@x.example', '--for', 'long'], 2, '--for long is no duration'],
    [['add', 'nobody'], 2, '"nobody" is not an address'],
    [['add', 'a@x.example', '--stream', 'bulk'], 2, '--stream needs --tenant'],
    [['add', 'a@x.example', '--tenant', 'nobody'], 1, 'there is no tenant nobody'],
    [['remove', 'nobody@x.example'], 1, 'none of them is suppressed'],
  ])('%j: exit %i, %s', async (args, code, said) => {
    const outcome = await run('suppression', ...args);
    expect(outcome.stderr).toContain(said);
    expect(outcome.code).toBe(code);
  });

  it('import says which lines it refused', async () => {
    await writeFile(join(folder, 'odd.csv'), 'address,times\nok@x.example,3\nodd@x.example,often\nnobody,1\n');
    const { code, stdout, stderr } = await run('suppression', 'import', join(folder, 'odd.csv'));
    expect([code, stdout]).toEqual([1, 'Imported 1 addresses, refused 2 lines.\n']);
    expect(stderr).toBe('line 3: often is not a number of times\nline 4: "nobody" is not an address\n');
    expect(await list('--address', 'ok@*')).toMatchObject([{ times: 3 }]);
  });
});
