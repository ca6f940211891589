// The keys that return paths are signed with: from the secret that several machines share, or from a file in the data
// directory, made when it is first needed. The first line signs, all of them are believed: a new key goes on top, and the
// old one may go thirty days later.
import { hkdfSync, randomBytes } from 'node:crypto';
import { link, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export type SigningKey = { readonly id: string; readonly secret: Buffer };

const FILE = 'return-path-key';
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** `secret` beats the file, which then still verifies what was signed before there was one. Never empty. */
export async function loadReturnPathKeys(dataDir: string, secret: Buffer | null): Promise<readonly SigningKey[]> {
  const path = join(dataDir, FILE);
  const stored = (await readLines(path)).map(line => derive(Buffer.from(line, 'hex')));
  if (secret !== null) return [derive(secret), ...stored];
  return stored.length > 0 ? stored : (await makeKey(path)).map(line => derive(Buffer.from(line, 'hex')));
}

async function readLines(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(error => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  });
  const lines = text.split('\n').map(line => line.trim());
  const wrong = lines.findIndex(line => line !== '' && !/^[\da-f]{64}$/.test(line));
  if (wrong >= 0) throw new Error(`${path}: line ${wrong + 1} is not a key of 64 hexadecimal digits`);
  return lines.filter(Boolean);
}

/** Under its name only when it is whole; whoever comes second takes what the first one made. */
async function makeKey(path: string): Promise<string[]> {
  const draft = `${path}.${randomBytes(4).toString('hex')}`;
  await writeFile(draft, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flush: true });
  await link(draft, path).catch(error => {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  });
  await unlink(draft);
  return readLines(path);
}

/** The key's name is derived too: two machines with different keys notice, and an attacker learns ten bits of nothing. */
function derive(material: Buffer): SigningKey {
  const expand = (purpose: string, bytes: number) => Buffer.from(hkdfSync('sha256', material, '', purpose, bytes));
  const name = expand('postern return path: name', 2);
  const id = ALPHABET[name[0]! & 31]! + ALPHABET[name[1]! & 31]!;
  return { id, secret: expand('postern return path: signature', 32) };
}
