// What a report shows that could name a message of ours, as it stands there: tokens read, ids as ids. Pure.
import type { MessageId } from '../src/mail/submission.ts';
import { findTokens, isToken, type ReadToken, type ReturnPathKey, readToken, tokenOf } from '../src/mail/verp.ts';
import type { BounceReport } from './report/recipient.ts';

export type Clues = {
  /** Return paths: what the report was sent to first, then what it quotes. */
  readonly returnPaths: readonly ReadToken[];
  readonly envelopeId: ReadToken | null;
  /** Ids of ours in the returned header: in Received, and in the Message-IDs that we make. */
  readonly ourIds: readonly MessageId[];
  /** Without angle brackets. */
  readonly internetMessageIds: readonly string[];
};

export type Ring = { readonly keys: readonly ReturnPathKey[]; readonly domain: string | null };

const MAX_TOKENS = 20;
/** A return path stands in the report's own header, in its status part or in the returned header: near the top. */
const SEARCHED_BYTES = 1_000_000;
const ID = /[0-7][0-9A-HJKMNP-TV-Z]{25}/i;

export function findClues(report: BounceReport, bytes: Uint8Array, ring: Ring, now: number): Clues {
  const { original, envelopeId } = report;
  const read = (token: string) => readToken(token, ring.keys, now);
  const messageId = original?.messageId?.replace(/^[<\s]+|[>\s]+$/g, '') ?? null;
  return {
    returnPaths: tokensIn(report, bytes, ring.domain).map(read),
    envelopeId: envelopeId !== null && isToken(envelopeId) ? read(envelopeId) : null,
    ourIds: unique([...(original?.received ?? []).map(idInReceived), idInMessageId(messageId)]) as MessageId[],
    internetMessageIds: messageId ? [messageId] : [],
  };
}

/** With `domain` null, addresses of any: a token proves itself. */
function tokensIn({ addressedTo, original }: BounceReport, bytes: Uint8Array, domain: string | null): string[] {
  const named = [...addressedTo, original?.returnPath ?? ''].map(address => tokenOf(address, domain));
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, SEARCHED_BYTES));
  const quoted = domain === null ? [] : findTokens(text.toString('latin1'), domain, MAX_TOKENS);
  return unique([...named, ...quoted]).slice(0, MAX_TOKENS);
}

/** `Received: … with ESMTPSA id 01KAR2Z4X0FQ3ZC4M8Y5T6V7W8; …` */
function idInReceived(value: string): string | null {
  const found = new RegExp(`\\bid (${ID.source})\\b`, 'i').exec(value.slice(0, 1_000));
  return found ? found[1]!.toUpperCase() : null;
}

/** `01kar2z4x0fq3zc4m8y5t6v7w8@host`, which mail gets that comes without one. */
function idInMessageId(messageId: string | null): string | null {
  const local = messageId?.split('@')[0] ?? '';
  return new RegExp(`^${ID.source}$`, 'i').test(local) ? local.toUpperCase() : null;
}

function unique(values: readonly (string | null)[]): string[] {
  return [...new Set(values.filter(value => value !== null))];
}
