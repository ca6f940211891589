// One DKIM-Signature field (RFC 6376 section 3.5; Ed25519: RFC 8463). Neither l= nor i=: a body that may grow is no signed
// body, and the identity is the domain.
import { hash, type KeyObject, sign } from 'node:crypto';
import type { DkimAlgorithm } from '../../src/store/dkim-keys.ts';
import { relaxedValue, type SignedFields } from './signed-fields.ts';

export type SignatureKey = {
  readonly domain: string;
  readonly selector: string;
  readonly algorithm: DkimAlgorithm;
  readonly privateKey: KeyObject;
};

const LINE = 76;

/** The folded field with its CRLF. */
export function signatureField(key: SignatureKey, fields: SignedFields, bodyHash: string, now: number): string {
  const unsigned = unsignedValue(key, fields.names, bodyHash, now);
  const canonical = `${fields.canonical}dkim-signature:${relaxedValue(unsigned)}`;
  const signature = signatureOf(key, Buffer.from(canonical, 'latin1'));
  return `DKIM-Signature:${unsigned}${foldBase64(signature.toString('base64'))}\r\n`;
}

/**
 * In this thread: handing RSA to another one costs 0.05 ms of CPU on top of its 0.24, and on two busy cores gains nothing.
 * Ed25519 signs the hash of the text (RFC 8463 section 3).
 */
function signatureOf({ algorithm, privateKey }: SignatureKey, text: Buffer): Buffer {
  return algorithm === 'rsa-sha256'
    ? sign('sha256', text, privateKey)
    : sign(null, hash('sha256', text, 'buffer'), privateKey);
}

function unsignedValue(key: SignatureKey, names: readonly string[], bodyHash: string, now: number): string {
  const { domain, selector, algorithm } = key;
  const lines = [
    ` v=1; a=${algorithm}; c=relaxed/relaxed;`,
    `d=${domain}; s=${selector};`,
    `t=${Math.floor(now / 1_000)};`,
    `${foldNames(names)};`,
    `bh=${bodyHash};`,
    'b=',
  ];
  return lines.join('\r\n\t');
}

/** Colons end the lines: white space is allowed on both sides of them (RFC 6376 section 3.5, h=). */
function foldNames(names: readonly string[]): string {
  let text = 'h=';
  let length = text.length;
  names.forEach((name, i) => {
    const part = i < names.length - 1 ? `${name}:` : name;
    if (length + part.length > LINE) {
      text += '\r\n\t ';
      length = 2;
    }
    text += part;
    length += part.length;
  });
  return text;
}

function foldBase64(text: string): string {
  return text.replace(/(.{72})(?=.)/g, '$1\r\n\t ');
}
