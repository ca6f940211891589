// `postern credential …`: what apps log in with. A secret is shown when it is made, and never again.
import type { Command } from 'commander';
import { Option } from 'commander';
import { isDomain, parseMailbox } from '../mail/address.ts';
import type { Mode } from '../mail/submission.ts';
import { newId } from '../platform/id.ts';
import { hashPassword, hashToken, newToken } from '../platform/secret.ts';
import { addCredential, type Credential, listCredentials, removeCredential, setSecret } from '../store/credentials.ts';
import { Failure, formatTime, printJson, printTable, withStore } from './context.ts';

type AddOptions = { from?: string[]; mode?: Mode; password?: string; tenant: string; json?: boolean };

export function registerCredential(program: Command): void {
  const credential = program.command('credential').description('what apps log in with');
  credential
    .command('add <name>')
    .description('make a credential; prints its password once')
    .option('--from <domain...>', 'sender domains, or whole addresses, that it may use (default: any)')
    .addOption(new Option('--mode <mode>', "live or capture (default: the gateway's)").choices(['live', 'capture']))
    .option('--password <password>', 'use this password instead of a generated token')
    .option('--tenant <id>', 'tenant that it belongs to', 'default')
    .option('--json', 'print JSON')
    .action(add);
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

async function add(name: string, options: AddOptions): Promise<void> {
  if (!/^[^\s:\p{Cc}]{1,255}$/u.test(name))
    throw new Failure('a name has 1 to 255 characters without spaces and colons');
  const fromDomains = options.from ?? [];
  const wrong = fromDomains.find(entry => !isDomainOrAddress(entry));
  if (wrong !== undefined) throw new Failure(`${wrong} is no domain and no address (example: --from example.com)`);
  const secret = options.password ?? newToken();
  const secretHash = options.password === undefined ? hashToken(secret) : await hashPassword(secret);
  const { tenant: tenantId, mode = null } = options;
  const made = await withStore(({ db }) =>
    addCredential(db, { credentialId: newId(Date.now()), tenantId, name, secretHash, mode, fromDomains }),
  ).catch(error => {
    throw error.code === '23503' ? new Failure(`there is no tenant ${tenantId}`) : error;
  });
  if (!made)
    throw new Failure(`there is a credential ${name} already (\`postern credential rotate\` gives it a new password)`);
  if (options.password !== undefined && !options.json)
    console.log(`Made credential ${name} with the password that you gave.`);
  else printSecret({ name, secret, ...(options.json ? { json: true } : {}) });
}

function isDomainOrAddress(text: string): boolean {
  return text.includes('@') ? typeof parseMailbox(text, { smtpUtf8: true }) === 'string' : isDomain(text);
}

async function list({ json }: { json?: boolean }): Promise<void> {
  const credentials = await withStore(({ db }) => listCredentials(db));
  if (json) for (const { secretHash: _, ...shown } of credentials) printJson(shown);
  else printTable(['NAME', 'TENANT', 'MODE', 'FROM', 'USED', 'LAST USED', 'MADE'], credentials.map(row));
}

function row(credential: Credential): string[] {
  const { name, tenantId, mode, fromDomains, lastUsedAt, createdAt } = credential;
  return [
    name,
    tenantId,
    mode ?? 'default',
    fromDomains.join(', ') || 'any',
    usage(lastUsedAt, Date.now()),
    lastUsedAt ? formatTime(lastUsedAt) : '-',
    formatTime(createdAt),
  ];
}

const MONTH_MS = 30 * 86_400_000;

/** How much it is still in use, to see which ones can go. */
function usage(lastUsedAt: Date | null, now: number): string {
  if (!lastUsedAt) return 'unused';
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
