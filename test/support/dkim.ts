// Signs as RFC 6376 says, simple/simple, with whatever tags the test wants: independent of the verifier, and able to sign
// what no decent signer would.
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export type Key = { readonly privateKey: KeyObject; readonly pem: string; readonly record: string };

export function makeKey(type: 'rsa' | 'ed25519', bits = 2_048): Key {
  const { privateKey, publicKey } =
    type === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: bits }) : generateKeyPairSync('ed25519');
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  // RFC 8463 publishes the bare 32 bytes.
  const bytes = type === 'rsa' ? spki : spki.subarray(-32);
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  return { privateKey, pem, record: `v=DKIM1; k=${type}; p=${bytes.toString('base64')}` };
}

/** The message with the signature on top. Tags replace the usual ones; `h` names fields in lower case. */
export function signMessage(message: string, key: Key, tags: Record<string, string> & { d: string }): string {
  const [head, body] = splitMessage(message);
  const length = tags.l === undefined ? undefined : Number(tags.l);
  const hash = tags.a === 'rsa-sha1' ? 'sha1' : 'sha256';
  const bh = createHash(hash).update(canonicalBody(body).slice(0, length), 'latin1').digest('base64');
  const list = { v: '1', a: 'rsa-sha256', c: 'simple/simple', s: 'key', h: 'from:subject:to', ...tags, bh, b: '' };
  const field = `DKIM-Signature: ${Object.entries(list)
    .map(([name, value]) => `${name}=${value}`)
    .join(';\r\n ')}`;
  const input = [...signedFields(head, list.h), field].join('');
  return `${field}${sign(hash, Buffer.from(input, 'latin1'), key.privateKey).toString('base64')}\r\n${message}`;
}

/** Header with the CRLF of its last field, and the body. */
function splitMessage(message: string): [string, string] {
  const end = message.indexOf('\r\n\r\n');
  return [message.slice(0, end + 2), message.slice(end + 4)];
}

/** Section 3.4.3: without the empty lines at the end, with one CRLF. */
function canonicalBody(body: string): string {
  return `${body.replace(/(\r\n)+$/, '')}\r\n`;
}

/** Section 5.4.2: from the bottom up, each occurrence once, absent ones as nothing. */
function signedFields(head: string, names: string): string[] {
  const fields = head.match(/[^\r\n]+\r\n(?:[ \t][^\r\n]*\r\n)*/g)!.reverse();
  return names.split(':').map(name => {
    const at = fields.findIndex(field => field.slice(0, field.indexOf(':')).toLowerCase() === name.toLowerCase());
    return at < 0 ? '' : fields.splice(at, 1)[0]!;
  });
}
