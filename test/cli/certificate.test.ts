// What `postern doctor` says of a certificate: made here, so that each ends when the test wants.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import selfsigned from 'selfsigned';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkCertificate } from '../../src/cli/check-certificate.ts';
import { loadSettings } from '../../src/platform/config.ts';

const NOW = Date.UTC(2026, 10, 23);
const DAY_MS = 86_400_000;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'certificate-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function make(name: string, days: number): Promise<Record<string, string>> {
  const dates = { notBeforeDate: new Date(NOW - 90 * DAY_MS), notAfterDate: new Date(NOW + days * DAY_MS) };
  const { cert, private: key } = await selfsigned.generate([{ name: 'commonName', value: 'mail.example.com' }], dates);
  const paths = { POSTERN_TLS_CERT: join(directory, `${name}.pem`), POSTERN_TLS_KEY: join(directory, `${name}.key`) };
  await writeFile(paths.POSTERN_TLS_CERT, cert);
  await writeFile(paths.POSTERN_TLS_KEY, key);
  return paths;
}

const check = async (environment: Record<string, string>) => checkCertificate(loadSettings(environment), NOW);

it('is silent about the one that we make ourselves', async () => {
  expect(await check({})).toEqual([]);
});

it.each([
  [60, true, /good.*\.pem, until 2027-01-22$/],
  [13, false, /\.pem ends on 2026-12-06$/],
  [-1, false, /\.pem ended on 2026-11-22$/],
])('one that ends in %i days: ok is %s', async (days, ok, detail) => {
  const [finding] = await check(await make(`good${days}`, days));
  expect(finding).toMatchObject({ check: 'TLS', ok });
  expect(finding!.detail).toMatch(detail);
});

it('tells the key of another one', async () => {
  const [one, other] = [await make('one', 60), await make('other', 60)];
  const [finding] = await check({ ...one, POSTERN_TLS_KEY: other.POSTERN_TLS_KEY! });
  expect(finding).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/other\.key is not the key of .*one\.pem$/),
  });
});

it('tells what cannot be read, and what is no certificate', async () => {
  const good = await make('intact', 60);
  const missing = await check({ ...good, POSTERN_TLS_KEY: '/nowhere' });
  expect(missing).toMatchObject([{ ok: false, detail: '/nowhere cannot be read' }]);
  await writeFile(good.POSTERN_TLS_CERT!, 'nonsense');
  expect(await check(good)).toMatchObject([{ ok: false, detail: expect.stringContaining('intact.pem') }]);
});
