// The DKIM signatures (RFC 6376) and the ARC chain (RFC 8617) that a message came with, verified by mailauth in its strict
// mode, as the larger receivers read the standards. What it costs is bounded before mailauth sees it: the number and size
// of the signatures, the lines of the header, the bytes hashed, and the time of all look-ups together.
import { type Header, type HeaderField, textOf } from '../../src/mail/header.ts';
import type { Resolve } from '../../src/platform/resolver.ts';
import { type ArcFact, type DkimFact, type DkimResult, printableName, printableReason } from './facts.ts';
import { type LimitedResolver, limitResolver, loadArc, loadDkim } from './mailauth.ts';

/** Alignment is judged later, when the From domain's wishes are known. */
export type ArrivedSignature = Omit<DkimFact, 'aligned'>;
export type Arrived = { readonly signatures: readonly ArrivedSignature[]; readonly arc: ArcFact | null };

export type SignatureOptions = {
  readonly content: Buffer;
  readonly header: Header;
  readonly resolve: Resolve;
  readonly signal: AbortSignal;
  readonly now: number;
  /** Names of fields that we put in front or take away, in lower case. */
  readonly addedFields: readonly string[];
  readonly removedFields: readonly string[];
};

export const NOTHING_ARRIVED: Arrived = { signatures: [], arc: null };

const MAX_SIGNATURES = 5;
const MAX_SIGNATURE_BYTES = 8_192;
const MAX_ARC_FIELD_BYTES = 16_384;
/** Ten hops of three fields. The standard allows fifty hops, each with keys of its own. */
const MAX_ARC_FIELDS = 30;
/** Each signature can have the body hashed anew, at 5 ms a megabyte. */
const MAX_HASHED_BYTES = 50_000_000;
/** Above these, policy refuses the message anyway; mailauth's header parser is quadratic in the lines of one field. */
const MAX_HEADER_BYTES = 262_144;
const MAX_HEADER_LINES = 10_000;
const MAX_FROM_BYTES = 10_000;

export function hasSignatures(header: Header): boolean {
  return header.fields.some(({ name }) => name === 'dkim-signature' || name === 'arc-seal');
}

export async function verifySignatures(options: SignatureOptions): Promise<Arrived> {
  const { content, header, signal, now } = options;
  if (!isAffordable(content, header)) return NOTHING_ARRIVED;
  const looked = chooseSignatures(content, header);
  const arcFields = header.fields.filter(({ name }) => isArcField(name));
  const looksAtArc = arcFields.length <= MAX_ARC_FIELDS && arcFields.every(isSmallArcField);

  const resolver = limitResolver(options.resolve, signal);
  const left = header.fields.filter(
    field => !(field.name === 'dkim-signature' && !looked.includes(field)) && (looksAtArc || !isArcField(field.name)),
  );
  const dkimVerify = await loadDkim();
  const verified = await dkimVerify(contentWith(content, header, left), {
    resolver: resolver.resolve,
    strict: true,
    minBitLength: 1_024,
    curTime: new Date(now),
    // Or mailauth would read the Return-Path field, which is anybody's.
    sender: 'nobody@localhost',
  });
  return {
    signatures: looked.map((field, n) =>
      describe(verified.results[n], textOf(content, field, MAX_SIGNATURE_BYTES), options),
    ),
    arc: await verifyChain(verified, resolver, looksAtArc, arcFields.length > 0),
  };
}

function isAffordable(content: Buffer, header: Header): boolean {
  if (header.length > MAX_HEADER_BYTES || !header.endsWell) return false;
  if (header.fields.some(({ name, start, end }) => name === 'from' && end - start > MAX_FROM_BYTES)) return false;
  let lines = 0;
  for (let at = content.indexOf(0x0a); at >= 0 && at < header.length; at = content.indexOf(0x0a, at + 1)) lines += 1;
  return lines <= MAX_HEADER_LINES;
}

/** The uppermost ones, which are the last that were put on. */
function chooseSignatures(content: Buffer, header: Header): HeaderField[] {
  const affordable = Math.max(1, Math.min(MAX_SIGNATURES, Math.floor(MAX_HASHED_BYTES / content.length)));
  return header.fields
    .filter(({ name, start, end }) => name === 'dkim-signature' && end - start <= MAX_SIGNATURE_BYTES)
    .slice(0, affordable);
}

/** The content itself, unless fields are left out, which nobody may have to pay for. */
function contentWith(content: Buffer, header: Header, fields: readonly HeaderField[]): Buffer {
  if (fields.length === header.fields.length) return content;
  return Buffer.concat([
    ...fields.map(({ start, end }) => content.subarray(start, end)),
    content.subarray(header.length),
  ]);
}

type Verified = Awaited<ReturnType<Awaited<ReturnType<typeof loadDkim>>>>;

function describe(
  result: Verified['results'][number] | undefined,
  field: string,
  options: SignatureOptions,
): ArrivedSignature {
  const { status } = result ?? {};
  // RFC 6376 section 8.2: with l=, anybody can write below what was signed; receivers differ in what they make of it.
  const isPartial = status?.result === 'pass' && Number(status.underSized ?? 0) > 0;
  const broken = brokenBy(field, options);
  const reason = isPartial ? 'the signature covers only part of the body' : status?.comment || broken;
  return {
    domain: printableName(result?.signingDomain ?? ''),
    selector: printableName(result?.selector ?? ''),
    result: isPartial ? 'policy' : resultOf(status?.result),
    reason: typeof reason === 'string' ? printableReason(reason) : null,
    survives: broken === null,
  };
}

function resultOf(result: string | undefined): DkimResult {
  switch (result) {
    case 'pass':
    case 'fail':
    case 'policy':
    case 'neutral':
    case 'temperror':
      return result;
    default:
      return 'permerror';
  }
}

/**
 * Which of our changes a signature does not survive. h= names a field once for each of its occurrences from the bottom
 * up; named once more, it is signed as being absent (RFC 6376 section 5.4.2).
 */
function brokenBy(signature: string, { header, addedFields, removedFields }: SignatureOptions): string | null {
  const signed = (/(?:^|;)\s*h\s*=([^;]*)/.exec(signature)?.[1] ?? '')
    .toLowerCase()
    .split(':')
    .map(name => name.trim());
  const times = (names: readonly string[], name: string) => names.filter(candidate => candidate === name).length;
  const present = header.fields.map(({ name }) => name);
  const added = addedFields.find(name => times(signed, name) > times(present, name));
  if (added !== undefined) return `it signs the absence of ${added}, which is added on the way`;
  const removed = removedFields.find(name => signed.includes(name) && present.includes(name));
  return removed === undefined ? null : `it signs ${removed}, which is removed on the way`;
}

async function verifyChain(
  verified: Verified,
  resolver: LimitedResolver,
  looksAtArc: boolean,
  hasArc: boolean,
): Promise<ArcFact | null> {
  if (!hasArc) return null;
  if (!looksAtArc) return { result: 'fail', reason: 'the chain is too large' };
  // mailauth hides it from JSON and its types both.
  const { arc: chain } = verified as Verified & { arc?: Parameters<Awaited<ReturnType<typeof loadArc>>>[0] };
  if (!chain) return { result: 'fail', reason: 'the chain is not understood' };
  const arc = await loadArc();
  const { status } = await arc(chain, { resolver: resolver.resolve, minBitLength: 1_024, strict: true });
  if (status.result === 'pass') return { result: 'pass', reason: null };
  // All failures are permanent to mailauth, those of the DNS too.
  if (resolver.failures() > 0) return { result: 'temperror', reason: 'the DNS did not answer' };
  return status.result === 'none'
    ? null
    : { result: 'fail', reason: printableReason(String(status.comment || 'the chain does not verify')) };
}

function isArcField(name: string): boolean {
  return name === 'arc-seal' || name === 'arc-message-signature' || name === 'arc-authentication-results';
}

function isSmallArcField({ start, end }: HeaderField): boolean {
  return end - start <= MAX_ARC_FIELD_BYTES;
}
