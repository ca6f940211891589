// The Authentication-Results field (RFC 8601): what we found, for those who trust us; and fields that came in our name,
// which those would trust as much.
import { type Header, type HeaderField, textOf } from '../../src/mail/header.ts';
import type { AuthenticationFacts } from './facts.ts';

/** One folded field with its CRLF; '' when nothing that came was judged. */
export function authenticationResults({ dkim, spf, arc, dmarc }: AuthenticationFacts, hostname: string): string {
  const results = dkim.map(
    ({ result, reason, domain, selector }) =>
      `dkim=${result}${reasonOf(reason)} header.d=${value(domain)} header.s=${value(selector)}`,
  );
  if (spf) results.push(`spf=${spf.result} smtp.${spf.identity}=${value(spf.domain)}`);
  // Without either, DMARC had nothing to judge but mail that has not been signed yet.
  if (results.length > 0 && dmarc.result !== null && dmarc.domain !== null)
    results.push(`dmarc=${dmarc.result}${policyOf(dmarc.policy)} header.from=${value(dmarc.domain)}`);
  if (arc) results.push(`arc=${arc.result}${reasonOf(arc.reason)}`);
  if (results.length === 0) return '';
  return `Authentication-Results: ${[value(hostname), ...results].join(';\r\n\t')}\r\n`;
}

/**
 * RFC 8601 section 5: arriving fields that bear our name are taken away. One that is not understood goes as well when our
 * name stands in it, because somebody else may understand it. Those of other hosts, and ARC's, stay.
 */
export function forgedResults(content: Buffer, header: Header, hostname: string): HeaderField[] {
  const ours = hostname.toLowerCase();
  return header.fields.filter(field => {
    if (field.name !== 'authentication-results') return false;
    // At full length: it is only searched.
    const text = textOf(content, field, field.end - field.valueStart).toLowerCase();
    const id = readServerId(text);
    return id === null ? text.includes(ours) : id.replace(/\.$/, '') === ours;
  });
}

/** The authserv-id: a token or a quoted string, behind comments. null = something else stands there. */
function readServerId(text: string): string | null {
  const start = skipComments(text, 0);
  if (start === null) return null;
  const quoted = /^"((?:[^"\\]|\\.)*)"/.exec(text.slice(start, start + 1_000));
  if (quoted) return quoted[1]!.replace(/\\(.)/g, '$1');
  const token = /^[^\s()<>@,;:\\"/[\]?=]+/.exec(text.slice(start, start + 1_000))?.[0] ?? null;
  if (token === null) return null;
  // Behind it come a version or a semicolon, or it was not it.
  const next = skipComments(text, start + token.length);
  return next !== null && (next === text.length || /[;\d]/.test(text[next]!)) ? token : null;
}

/** The index of the first character that is neither white space nor comment; null when a comment does not end. */
function skipComments(text: string, start: number): number | null {
  let depth = 0;
  for (let i = start; i < text.length; i += 1) {
    const char = text[i]!;
    if (char === '(') depth += 1;
    else if (depth === 0 && char !== ' ' && char !== '\t') return i;
    else if (char === ')') depth -= 1;
    else if (char === '\\') i += 1;
  }
  return depth === 0 ? text.length : null;
}

/** A token as it is, anything else in quotes (RFC 2045 section 5.1). */
function value(text: string): string {
  return /^[\w.!#$%&'*+^`{|}~-]+$/.test(text) ? text : quote(text);
}

function quote(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;
}

function reasonOf(reason: string | null): string {
  return reason === null ? '' : ` reason=${quote(reason)}`;
}

function policyOf(policy: string | null): string {
  return policy === null ? '' : ` (p=${policy})`;
}
