// `postern credential …`: what apps log in with. A secret is shown when it is made, and never again.
import type { Command } from 'commander';
import { Option } from 'commander';
import ipaddr from 'ipaddr.js';
import { isDomain, parseMailbox } from '../mail/address.ts';
import type { AuthenticationPolicy, DsnPolicy, Mode, OnSuppressed, OverQuota } from '../mail/submission.ts';
import { newId } from '../platform/id.ts';
import { hashPassword, hashToken, newToken } from '../platform/secret.ts';
import {
  addCredential,
  type Credential,
  findCredential,
  listCredentials,
  removeCredential,
  setSecret,
  setTreatment,
  type Treatment,
} from '../store/credentials.ts';
import { Failure, formatSecond, printJson, UsageError, withStore } from './context.ts';
import { printTable } from './table.ts';

type TreatmentOptions = {
  from?: string[];
  network?: string[];
  mode?: Mode | 'default';
  authentication?: AuthenticationPolicy;
  overQuota?: OverQuota;
  onSuppressed?: OnSuppressed;
  controlHeaders?: 'honour' | 'ignore';
  dsn?: DsnPolicy;
};
type AddOptions = TreatmentOptions & { password?: string; tenant: string; json?: boolean };

export function registerCredential(program: Command): void {
  const credential = program.command('credential').description('what apps log in with');
  withTreatment(credential.command('add <name>'))
    .description('make a credential; prints its password once')
    .option('--password <password>', 'use this password instead of a generated token')
    .option('--tenant <id>', 'tenant that it belongs to', 'default')
    .option('--json', 'print JSON')
    .action(add);
  withTreatment(credential.command('set <name>'))
    .description('change how a credential is treated; what is not named stays; holds within seconds')
    .option('--json', 'print JSON')
    .action(set);
  credential.command('list').description('all credentials').option('--json', 'print JSON, one a line').action(list);
  credential
    .command('rotate <name>')
    .description('give it a new token; the old one stops working within seconds')
    .option('--json', 'print JSON')
    .action(rotate);
  credential
    .command('remove <name>')
    .description('remove it; apps that use it are refused within seconds')
    .option('--json', 'print JSON')
    .action(remove);
}

function withTreatment(command: Command): Command {
  const choice = (flags: string, doc: string, choices: string[]) => new Option(flags, doc).choices(choices);
  return command
    .option('--from <domain...>', 'sender domains, or whole addresses, that it may use; any = no limit, as at first')
    .option('--network <cidr...>', 'networks that need no login, none = take them away (example: 10.1.0.0/16)')
    .addOption(choice('--mode <mode>', "default: the gateway's", ['live', 'capture', 'default']))
    .addOption(
      choice('--authentication <policy>', 'SPF, DKIM, DMARC and ARC (at first: observe)', [
        'off',
        'observe',
        'enforce',
      ]),
    )
    .addOption(choice('--over-quota <treatment>', 'mail beyond a quota (at first: defer)', ['defer', 'reject', 'hold']))
    .addOption(choice('--on-suppressed <answer>', 'suppressed recipients (at first: accept)', ['accept', 'reject']))
    .addOption(choice('--control-headers <which>', 'X-Postern-… and the like (at first: honour)', ['honour', 'ignore']))
    .addOption(choice('--dsn <when>', 'delivery status notifications (at first: asked)', ['asked', 'always', 'never']));
}

/** Checked here, where it can be said which of them is wrong. */
function readTreatment(options: TreatmentOptions): Treatment {
  const { from, network, mode, authentication, overQuota, onSuppressed, controlHeaders, dsn } = options;
  const fromDomains = from && from.join() === 'any' ? [] : from;
  const networks = network && network.join() === 'none' ? [] : network?.map(asNetwork);
  const wrong = fromDomains?.find(entry => !isDomainOrAddress(entry));
  if (wrong !== undefined) throw new UsageError(`${wrong} is no domain and no address (example: --from example.com)`);
  const odd = networks?.find(entry => !isNetwork(entry));
  if (odd !== undefined) throw new UsageError(`${odd} is no network${nearest(odd)} (example: --network 10.1.0.0/16)`);
  return {
    ...(fromDomains && { fromDomains }),
    ...(networks && { networks }),
    ...(mode && { mode: mode === 'default' ? null : mode }),
    ...(authentication && { authentication }),
    ...(overQuota && { overQuota }),
    ...(onSuppressed && { onSuppressed }),
    ...(controlHeaders && { controlHeaders: controlHeaders === 'honour' }),
    ...(dsn && { dsn }),
  };
}

async function add(name: string, options: AddOptions): Promise<void> {
  if (!/^[^\s:\p{Cc}]{1,255}$/u.test(name))
    throw new UsageError('a name has 1 to 255 characters without spaces and colons');
  const treatment = readTreatment(options);
  const secret = options.password ?? newToken();
  const secretHash = options.password === undefined ? hashToken(secret) : await hashPassword(secret);
  const { tenant: tenantId } = options;
  const made = await withStore(({ db }) =>
    addCredential(db, { credentialId: newId(Date.now()), tenantId, name, secretHash, ...treatment }),
  ).catch(error => {
    throw error.code === '23503' ? new Failure(`there is no tenant ${tenantId}`) : error;
  });
  if (!made)
    throw new Failure(
      `there is a credential ${name} already (\`npx postern credential rotate ${name}\` gives it a new password)`,
    );
  if (options.password !== undefined && !options.json)
    console.log(`Made credential ${name} with the password that you gave.`);
  else printSecret({ name, secret, ...(options.json ? { json: true } : {}) });
}

function isDomainOrAddress(text: string): boolean {
  return text.includes('@') ? typeof parseMailbox(text, { smtpUtf8: true }) === 'string' : isDomain(text);
}

/** One address is a network too. */
function asNetwork(text: string): string {
  if (!ipaddr.isValid(text) || (!text.includes(':') && text.split('.').length !== 4)) return text;
  return `${text}/${text.includes(':') ? 128 : 32}`;
}

/** As PostgreSQL takes it: an address with a prefix length, nothing set behind the prefix. */
function isNetwork(text: string): boolean {
  const address = text.split('/')[0]!;
  return networkOf(text)?.split('/')[0] === (ipaddr.isValid(address) ? ipaddr.parse(address).toString() : null);
}

/** For `10.0.0.1/8`, which could mean either. */
function nearest(text: string): string {
  const network = networkOf(text);
  return network === null ? '' : `: did you mean ${network}?`;
}

/** The network that the address is in; null where it is neither. */
function networkOf(text: string): string | null {
  try {
    const [address, bits] = ipaddr.parseCIDR(text);
    const ip = address.kind() === 'ipv4' ? ipaddr.IPv4 : ipaddr.IPv6;
    return `${ip.networkAddressFromCIDR(text)}/${bits}`;
  } catch {
    return null;
  }
}

async function set(name: string, options: TreatmentOptions & { json?: boolean }): Promise<void> {
  const treatment = readTreatment(options);
  if (Object.keys(treatment).length === 0) throw new UsageError('say what to change (example: --over-quota hold)');
  const found = await withStore(
    async ({ db }) => (await setTreatment(db, name, treatment)) && findCredential(db, name),
  );
  if (!found) throw new Failure(`there is no credential ${name}`);
  if (options.json) printJson(withoutSecret(found));
  else printTable(LIST_HEADER, [row(found)]);
}

const LIST_HEADER = ['NAME', 'TENANT', 'MODE', 'FROM', 'LAST USED', 'TREATMENT'];

function withoutSecret({ secretHash: _, ...shown }: Credential): Omit<Credential, 'secretHash'> {
  return shown;
}

/** What differs from how a new credential is treated. */
function treatmentOf({ networks, authentication, overQuota, onSuppressed, controlHeaders, dsn }: Credential): string {
  return [
    networks.length > 0 && `no login from ${networks.join(', ')}`,
    authentication !== 'observe' && `authentication ${authentication}`,
    overQuota !== 'defer' && `over quota: ${overQuota}`,
    onSuppressed !== 'accept' && 'suppressed recipients refused',
    !controlHeaders && 'control headers ignored',
    dsn !== 'asked' && `DSNs ${dsn}`,
  ]
    .filter(Boolean)
    .join('; ');
}

async function list({ json }: { json?: boolean }): Promise<void> {
  const credentials = await withStore(({ db }) => listCredentials(db));
  if (json) return credentials.map(withoutSecret).forEach(printJson);
  if (credentials.length === 0)
    return console.log('No credentials: nobody can log in (`npx postern credential add shop` makes one).');
  printTable(LIST_HEADER, credentials.map(row));
}

function row(credential: Credential): string[] {
  const { name, tenantId, mode, fromDomains, lastUsedAt } = credential;
  return [
    name,
    tenantId,
    mode ?? 'default',
    fromDomains.join(', ') || 'any',
    lastUsedAt ? `${formatSecond(lastUsedAt)} (${usage(lastUsedAt, Date.now())})` : 'never',
    treatmentOf(credential) || '-',
  ];
}

const MONTH_MS = 30 * 86_400_000;

/** How much it is still in use, to see which ones can go. */
function usage(lastUsedAt: Date, now: number): string {
  const months = (now - lastUsedAt.getTime()) / MONTH_MS;
  if (months > 12) return 'inactive';
  if (months > 6) return 'dormant';
  return months > 1 ? 'quiet' : 'active';
}

async function rotate(name: string, { json }: { json?: boolean }): Promise<void> {
  const secret = newToken();
  const found = await withStore(({ db }) => setSecret(db, name, hashToken(secret)));
  if (!found) throw new Failure(`there is no credential ${name}`);
  printSecret({ name, secret, ...(json ? { json } : {}) });
}

async function remove(name: string, { json }: { json?: boolean }): Promise<void> {
  const found = await withStore(({ db }) => removeCredential(db, name));
  if (!found) throw new Failure(`there is no credential ${name}`);
  if (json) printJson({ name, removed: true });
  else console.log(`Removed ${name}.`);
}

function printSecret({ name, secret, json }: { name: string; secret: string; json?: boolean }): void {
  if (json) printJson({ name, password: secret });
  else console.log(`user      ${name}\npassword  ${secret}\n\nThe password is shown this once.`);
}
