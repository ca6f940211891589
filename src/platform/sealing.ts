// Secrets that must be read again, as private keys must: encrypted with AES-256-GCM where they are stored, under one key
// that is not in the database. A dump or a stolen replica alone signs nothing.
//
// version (1 byte) · key id (8) · nonce (12) · ciphertext · tag (16)
//
// The key id is there so that the wrong key is told from damage: the first is an operator who forgot POSTERN_SECRET_KEY on
// the second machine, and should be told so. What is sealed is bound to a context, such as a domain and its selector: moved
// into another row, it does not open.
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export type Sealer = {
  /** Sixteen hexadecimal digits that name the key and tell nothing about it. */
  readonly keyId: string;
  seal(secret: Buffer, context: string): Buffer;
  /** Throws `SealError`. */
  open(sealed: Buffer, context: string): Buffer;
};

/** One clear line for the operator. */
export class SealError extends Error {
  override readonly name = 'SealError';
  readonly reason: 'another-key' | 'damaged';
  constructor(reason: 'another-key' | 'damaged', message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

const SECRET_KEY_BYTES = 32;
const VERSION = 1;
const ID_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + ID_BYTES;
const FILE = 'secret-key';

export function createSealer(key: Buffer): Sealer {
  const id = idOf(key);
  const head = Buffer.concat([Buffer.from([VERSION]), id]);
  return {
    keyId: id.toString('hex'),
    seal(secret, context) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(boundTo(head, context));
      return Buffer.concat([head, nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
    },
    open(sealed, context) {
      if (sealed.length < HEAD_BYTES + NONCE_BYTES + TAG_BYTES || sealed[0] !== VERSION) throw damaged(context);
      if (!sealed.subarray(1, HEAD_BYTES).equals(id)) throw anotherKey(sealed, id, context);
      const nonce = sealed.subarray(HEAD_BYTES, HEAD_BYTES + NONCE_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', key, nonce)
        .setAAD(boundTo(head, context))
        .setAuthTag(sealed.subarray(-TAG_BYTES));
      try {
        return Buffer.concat([
          decipher.update(sealed.subarray(HEAD_BYTES + NONCE_BYTES, -TAG_BYTES)),
          decipher.final(),
        ]);
      } catch (cause) {
        throw damaged(context, cause);
      }
    },
  };
}

/** The key that the settings name, or the one in the data directory, which is made at first use. */
export async function loadSealer(options: { secretKey: Buffer | null; dataDir: string }): Promise<Sealer> {
  return createSealer(
    options.secretKey ?? (await readKeyFile(options.dataDir)) ?? (await makeKeyFile(options.dataDir)),
  );
}

/** The id of the key that it was sealed under. */
export function sealedUnder(sealed: Buffer): string {
  return sealed.subarray(1, HEAD_BYTES).toString('hex');
}

/** 32 bytes written as base64, base64url or hexadecimal; null = something else. */
export function parseSecretKey(text: string): Buffer | null {
  const isHex = /^[\da-f]{64}$/i.test(text);
  if (!isHex && !/^[\w+/-]{43}=?$/.test(text)) return null;
  const key = Buffer.from(text, isHex ? 'hex' : 'base64');
  return key.length === SECRET_KEY_BYTES ? key : null;
}

async function readKeyFile(dataDir: string): Promise<Buffer | null> {
  const path = join(dataDir, FILE);
  const text = await readFile(path, 'utf8').catch(error => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  const key = parseSecretKey(text.trim());
  if (key === null)
    throw new SealError('damaged', `${path} is not a key of 32 bytes in base64: restore it from a backup`);
  return key;
}

/** A command and the gateway may need it at the same time: whoever links first has made it, whole, and both use that one. */
async function makeKeyFile(dataDir: string): Promise<Buffer> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const path = join(dataDir, FILE);
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(draft, `${randomBytes(SECRET_KEY_BYTES).toString('base64')}\n`, { mode: 0o600, flush: true });
    await link(draft, path).catch(error => {
      if (error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(draft, { force: true });
  }
  return (await readKeyFile(dataDir))!;
}

function idOf(key: Buffer): Buffer {
  return createHash('sha256').update('postern secret key\0').update(key).digest().subarray(0, ID_BYTES);
}

function boundTo(head: Buffer, context: string): Buffer {
  return Buffer.concat([head, Buffer.from(context)]);
}

function anotherKey(sealed: Buffer, id: Buffer, context: string): SealError {
  const message =
    `the secret of ${context} is encrypted under another key (${sealedUnder(sealed)}, ours is ${id.toString('hex')}): ` +
    'give each machine the same POSTERN_SECRET_KEY';
  return new SealError('another-key', message);
}

function damaged(context: string, cause?: unknown): SealError {
  return new SealError('damaged', `the stored secret of ${context} is damaged`, { cause });
}
