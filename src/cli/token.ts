// `postern token …`: what programs come to the HTTP API with. A token is shown when it is made, and never again.
import type { Command } from 'commander';
import { parseDuration } from '../platform/duration.ts';
import { newId } from '../platform/id.ts';
import { hashToken, newApiToken } from '../platform/secret.ts';
import { type ApiToken, addApiToken, listApiTokens, revokeApiToken } from '../store/api-tokens.ts';
import { Failure, formatSecond, printJson, UsageError, withStore } from './context.ts';
import { printTable } from './table.ts';

const LONGEST_MS = 10 * 365 * 86_400_000;

export function registerToken(program: Command): void {
  const token = program.command('token').description('what programs come to the HTTP API with');
  token
    .command('add <name>')
    .description('make a token; prints it once')
    .option('--expires <duration>', 'how long it opens the door: 90d, 12h; without it, until it is removed')
    .option('--read-only', 'it may look, and change nothing')
    .option('--json', 'print JSON')
    .action(add);
  token
    .command('list')
    .description('all tokens that were not removed')
    .option('--all', 'those too that were')
    .option('--json', 'print JSON, one a line')
    .action(list);
  token
    .command('remove <name>')
    .description('revoke a token: it opens nothing from now on')
    .option('--json', 'print JSON')
    .action(remove);
}

type AddOptions = { expires?: string; readOnly?: boolean; json?: boolean };

async function add(name: string, { expires, readOnly: isReadOnly = false, json }: AddOptions): Promise<void> {
  if (!/^[^\s:\p{Cc}]{1,255}$/u.test(name))
    throw new UsageError('a name has 1 to 255 characters without spaces and colons');
  const validForMs = expires === undefined ? null : parseDuration(expires);
  if (expires !== undefined && (validForMs === null || validForMs === 0 || validForMs > LONGEST_MS))
    throw new UsageError('--expires is a duration of at most ten years: 90d, 12h');
  const tokenId = newId(Date.now());
  const token = newApiToken(tokenId);
  const made = await withStore(({ pool }) =>
    addApiToken(pool, { tokenId, name, secretHash: hashToken(token), isReadOnly, validForMs }),
  );
  if (!made) throw new Failure(`there is a token ${name} already (\`npx postern token remove ${name}\` revokes it)`);
  const { expiresAt } = made;
  if (json) return printJson({ name, token, isReadOnly, expiresAt });
  const end = expiresAt === null ? 'until it is removed' : `until ${formatSecond(expiresAt)}`;
  console.log(`Token ${name} (${isReadOnly ? 'read-only, ' : ''}${end}):\n  ${token}`);
  console.log('It is shown this once; only its hash is stored.');
}

async function list({ all, json }: { all?: boolean; json?: boolean }): Promise<void> {
  const found = await withStore(({ pool }) => listApiTokens(pool));
  const tokens = found.filter(({ revokedAt }) => all || revokedAt === null);
  if (json) return tokens.map(withoutSecret).forEach(printJson);
  if (tokens.length === 0)
    return console.log('No tokens: nobody but an admin can use the API (`npx postern token add NAME` makes one).');
  printTable(['NAME', 'MAY', 'STATE', 'MADE', 'LAST USED'], tokens.map(row));
}

function withoutSecret({ secretHash: _, ...shown }: ApiToken): Omit<ApiToken, 'secretHash'> {
  return shown;
}

function row(token: ApiToken): string[] {
  const { name, isReadOnly, createdAt, lastUsedAt } = token;
  const may = isReadOnly ? 'read' : 'read and change';
  return [name, may, stateOf(token), formatSecond(createdAt), lastUsedAt ? formatSecond(lastUsedAt) : 'never'];
}

function stateOf({ isValid, expiresAt, revokedAt }: ApiToken): string {
  if (revokedAt) return `removed ${formatSecond(revokedAt)}`;
  if (expiresAt === null) return 'valid';
  return `${isValid ? 'valid until' : 'expired'} ${formatSecond(expiresAt)}`;
}

async function remove(name: string, { json }: { json?: boolean }): Promise<void> {
  if (!(await withStore(({ pool }) => revokeApiToken(pool, name)))) throw new Failure(`there is no token ${name}`);
  if (json) printJson({ name, removed: true });
  else console.log(`Removed token ${name}: it opens nothing any more.`);
}
