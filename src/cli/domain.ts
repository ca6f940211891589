// `postern domain …`: domains that we send from, their DKIM keys, and what their DNS says about them.
import { hostname } from 'node:os';
import type { Command } from 'commander';
import {
  checkDomain,
  checkOptions,
  type DomainCheck,
  dkimRecord,
  makeKeys,
  parseSendingDomain,
  type RecordedCheck,
  recordNeededUntil,
  settleCheck,
} from '../../relay/index.ts';
import { loadSealer, type Sealer, sealedUnder } from '../platform/sealing.ts';
import type { Settings } from '../platform/settings.ts';
import { activateKeys, anySealedKey, type DkimKey, insertKeys, listKeys } from '../store/dkim-keys.ts';
import { addDomain, type Domain, findDomain, listDomains, removeDomain } from '../store/domains.ts';
import { Failure, formatSecond, printJson, type Store, UsageError, withStore } from './context.ts';
import { printCheck, printRecord, printZone } from './domain-records.ts';
import { printTable } from './table.ts';

export function registerDomain(program: Command): void {
  const domain = program.command('domain').description('domains that we send from, their keys and their DNS');
  domain
    .command('add <domain>')
    .description('make its DKIM keys, and print the records to publish')
    .option('--tenant <id>', 'whose it is', 'default')
    .option('--zone', 'print the records as lines for a zone file, and nothing else')
    .option('--json', 'print JSON')
    .action(add);
  domain
    .command('list')
    .description('the domains, and what the last check said')
    .option('--json', 'print JSON, one a line')
    .action(list);
  domain
    .command('remove <domain>')
    .description('delete it and its keys; its mail is not signed any more')
    .option('--json', 'print JSON')
    .action(remove);
  domain
    .command('dkim <domain>')
    .description('its keys and their records')
    .option('--rotate', 'make new keys, which sign once their records were seen')
    .option('--now', 'keys that wait sign from now on, seen or not')
    .option('--zone', 'print the records as lines for a zone file, and nothing else')
    .option('--json', 'print JSON, one key a line')
    .action(dkim);
  domain
    .command('check [domain]')
    .description('look its records up, or those of each; exit 1 when something is missing or wrong')
    .option('--zone', 'print what is to be published as lines for a zone file, and nothing else')
    .option('--json', 'print JSON, one domain a line')
    .action(check);
}

function nameOf(text: string): string {
  const domain = parseSendingDomain(text);
  if (typeof domain !== 'string') throw new UsageError(domain.problem);
  return domain;
}

async function find(db: Store['db'], name: string): Promise<Domain> {
  const domain = await findDomain(db, name);
  if (!domain) throw new Failure(`there is no domain ${name} (\`npx postern domain add ${name}\` adds it)`);
  return domain;
}

/** Nothing is sealed under a second key: half of the domains would then fail on every machine. */
async function sealerFor(db: Store['db'], settings: Settings): Promise<Sealer> {
  const sealer = await loadSealer({ secretKey: settings.POSTERN_SECRET_KEY, dataDir: settings.POSTERN_DATA_DIR });
  const stored = await anySealedKey(db);
  if (stored && sealedUnder(stored.sealedPrivateKey) !== sealer.keyId)
    throw new Failure(
      `the keys in this database are encrypted under another key (${sealedUnder(stored.sealedPrivateKey)}, ours is ` +
        `${sealer.keyId}): give this machine the same POSTERN_SECRET_KEY, or the same file secret-key`,
    );
  return sealer;
}

type AddOptions = { tenant: string; zone?: boolean; json?: boolean };

async function add(text: string, { tenant, zone, json }: AddOptions): Promise<void> {
  const domain = nameOf(text);
  const keys = await withStore(async ({ db }, settings) => {
    const made = await makeKeys(domain, { now: new Date(), taken: [], sealer: await sealerFor(db, settings) });
    await db.transaction().execute(async trx => {
      const isNew = await addDomain(trx, domain, tenant).catch(error => {
        throw error.code === '23503' ? new Failure(`there is no tenant ${tenant}`) : error;
      });
      if (!isNew) throw new Failure(`there is a domain ${domain} already`);
      await insertKeys(trx, made);
    });
    return listKeys(db, domain);
  });
  if (json) return printJson({ domain, tenantId: tenant, keys: keys.map(withRecord) });
  if (zone) return printZone(keys.map(dkimRecord));
  console.log(`Added ${domain}. Publish these two records:\n`);
  for (const key of keys) printRecord(dkimRecord(key), domain);
  console.log(
    `Then \`npx postern domain check ${domain}\` looks for them, and says what SPF and DMARC need.\n` +
      `Mail is signed once they were seen. \`npx postern domain dkim ${domain} --zone\` has them for a zone file.`,
  );
}

async function list({ json }: { json?: boolean }): Promise<void> {
  const found = await withStore(async ({ db }) => {
    const domains = await listDomains(db);
    return Promise.all(domains.map(async domain => ({ ...domain, keys: await listKeys(db, domain.domain) })));
  });
  if (json) return found.map(domain => ({ ...domain, keys: domain.keys.map(withRecord) })).forEach(printJson);
  if (found.length === 0) return console.log('No domains: mail is not signed (`npx postern domain add example.com`).');
  printTable(
    ['DOMAIN', 'TENANT', 'SIGNS WITH', 'RECORDS', 'CHECKED'],
    found.map(({ domain, tenantId, keys, result, checkedAt }) => [
      ...[
        domain,
        tenantId,
        keys
          .filter(isSigning)
          .map(({ selector }) => selector)
          .join(' ') || 'nothing yet',
      ],
      (result as RecordedCheck | null)?.state ?? 'not yet known',
      checkedAt ? formatSecond(checkedAt) : 'never',
    ]),
  );
}

async function remove(text: string, { json }: { json?: boolean }): Promise<void> {
  const domain = nameOf(text);
  await withStore(async ({ db }, settings) => {
    const keys = await listKeys(db, (await find(db, domain)).domain);
    await removeDomain(db, domain);
    if (json) return printJson({ domain, removed: true });
    console.log(`Removed ${domain}. Its mail is not signed any more.`);
    const until = recordNeededUntil(new Date(), settings.POSTERN_MAX_AGE).toISOString().slice(0, 10);
    if (keys.some(isSigning))
      console.log(`Leave its DKIM records until ${until}: mail that they signed is on its way.`);
  });
}

type DkimOptions = { rotate?: boolean; now?: boolean; zone?: boolean; json?: boolean };

async function dkim(text: string, { rotate, now, zone, json }: DkimOptions): Promise<void> {
  const domain = nameOf(text);
  await withStore(async ({ db }, settings) => {
    await find(db, domain);
    if (rotate) await rotateKeys(db, settings, domain);
    if (now) await signNow(db, domain);
    const all = await listKeys(db, domain);
    if (json) return all.map(withRecord).forEach(printJson);
    const keys = rotate && !now ? all.filter(({ activeFrom }) => activeFrom === null) : all;
    if (zone) return printZone(keys.map(dkimRecord));
    for (const key of keys) {
      console.log(`${key.selector}, ${key.algorithm}: ${stateOf(key, settings)}`);
      printRecord(dkimRecord(key), domain);
    }
    if (rotate && !now)
      console.log(
        `Publish them beside the old ones, which sign until \`npx postern domain check ${domain}\`, or the hourly\n` +
          'check, has seen the new ones.',
      );
  });
}

async function rotateKeys(db: Store['db'], settings: Settings, domain: string): Promise<void> {
  const keys = await listKeys(db, domain);
  if (keys.some(({ activeFrom }) => activeFrom === null))
    throw new Failure(
      `${domain} has new keys already: publish their records (\`npx postern domain dkim ${domain}\` shows them)`,
    );
  const taken = keys.map(({ selector }) => selector);
  await insertKeys(db, await makeKeys(domain, { now: new Date(), taken, sealer: await sealerFor(db, settings) }));
}

async function signNow(db: Store['db'], domain: string): Promise<void> {
  const waiting = (await listKeys(db, domain)).filter(({ activeFrom }) => activeFrom === null);
  const signing = await activateKeys(
    db,
    domain,
    waiting.map(({ selector }) => selector),
  );
  if (signing.length === 0) throw new Failure(`no key of ${domain} waits`);
}

function isSigning({ activeFrom, retiredAt }: DkimKey): boolean {
  return activeFrom !== null && retiredAt === null;
}

function stateOf(key: DkimKey, settings: Settings): string {
  const { activeFrom, retiredAt } = key;
  if (activeFrom === null) return 'waits to be seen in the DNS';
  if (retiredAt === null) return `signs since ${formatSecond(activeFrom)}`;
  const until = recordNeededUntil(retiredAt, settings.POSTERN_MAX_AGE).toISOString().slice(0, 10);
  return `signs no more; leave its record until ${until}`;
}

function withRecord(key: DkimKey) {
  return { ...key, record: dkimRecord(key) };
}

async function check(text: string | undefined, { zone, json }: { zone?: boolean; json?: boolean }): Promise<void> {
  const checks = await withStore(async ({ db }, settings, log) => {
    const domains = text === undefined ? await listDomains(db) : [await find(db, nameOf(text))];
    if (domains.length === 0) throw new Failure('there are no domains (`npx postern domain add example.com`)');
    const options = checkOptions(settings, settings.POSTERN_HOSTNAME ?? hostname());
    const done: { check: DomainCheck; signing: readonly string[] }[] = [];
    for (const domain of domains) {
      const found = await checkDomain(domain.domain, await listKeys(db, domain.domain), options, Date.now());
      done.push({ check: found, signing: await settleCheck(db, domain, found, log) });
    }
    return done;
  });
  for (const { check: found, signing } of checks) {
    if (json) printJson({ domain: found.domain, state: found.state, findings: found.findings, signing });
    else if (zone) printZone(found.findings.flatMap(({ publish }) => publish ?? []));
    else printCheck(found, signing);
  }
  if (checks.some(({ check: found }) => found.state !== 'ok')) process.exitCode = 1;
}
