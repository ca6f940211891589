// Control fields: what an app says to us in the header of its message. They never leave the house, known or not, obeyed
// or not. Pure. Mail without any costs one look at the names of its fields.
import type { Header, HeaderField } from '../../src/mail/header.ts';
import { nearestWord } from '../../src/platform/nearest-word.ts';
import { type Directives, DirectivesDraft, NO_DIRECTIVES } from './directives.ts';
import { decodeWords } from './encoded-words.ts';
import { CONTROL_FIELDS, type ControlField } from './fields.ts';

export type ControlHeaders = {
  readonly directives: Directives;
  /** In the order of the header. */
  readonly removals: readonly HeaderField[];
  /** What could not be understood or honoured, for the app; null = nothing. Directives mean nothing with it. */
  readonly problem: string | null;
};

/** X-Postal- is not among them: Postal marks what it sends with X-Postal-MsgID. */
const PREFIXES = ['x-postern-', 'x-pm-', 'x-mailgun-', 'x-ses-'];
const OWN_PREFIX = 'x-postern-';
const MAX_VALUE_BYTES = 16_384;

const BY_NAME = new Map(CONTROL_FIELDS.map(field => [field.name.toLowerCase(), field]));
const NAMED_BY_REST = CONTROL_FIELDS.filter(({ name }) => name.endsWith('*'));

/** Behind the prefix. */
const OWN_NAMES = CONTROL_FIELDS.filter(({ dialect }) => dialect === 'Postern').map(({ name }) =>
  name.slice(OWN_PREFIX.length),
);
const MAX_SHOWN = 60;

const NONE: ControlHeaders = { directives: NO_DIRECTIVES, removals: [], problem: null };

export function readControlHeaders(content: Buffer, header: Header, now: number): ControlHeaders {
  const removals = findControlFields(header);
  const lost = findLost(content, header);
  if (lost !== null) return { ...NONE, removals, problem: `${lost} stands behind a line that is no header field` };
  if (removals.length === 0) return NONE;
  const draft = new DirectivesDraft();
  let problem: string | null = null;
  for (const field of removals) problem ??= readField(draft, content, field, now);
  return { directives: draft.finish(), removals, problem };
}

/** For a credential whose control fields mean nothing: they are taken out all the same. */
export function findControlFields(header: Header): HeaderField[] {
  return header.fields.filter(({ name }) => isControlField(name));
}

/**
 * A control field that the header does not reach, because of a line break in a Subject for instance: it would mean nothing
 * and leave the house. Its name as it was written, or null. Content that begins with no field is all body.
 */
function findLost(content: Buffer, { fields, length, endsWell }: Header): string | null {
  if (endsWell || fields.length === 0) return null;
  const end = content.indexOf('\r\n\r\n', length, 'latin1');
  const rest = content.toString('latin1', length, Math.min(end < 0 ? content.length : end, length + MAX_VALUE_BYTES));
  const names = rest.split('\r\n').map(line => /^([\w-]{1,60})[ \t]*:/.exec(line)?.[1] ?? '');
  return names.find(name => isControlField(name.toLowerCase())) ?? null;
}

function isControlField(name: string): boolean {
  // Most names are neither x-… nor r….
  const first = name.charCodeAt(0);
  if (first !== 0x78 && first !== 0x72) return false;
  return BY_NAME.has(name) || PREFIXES.some(prefix => name.startsWith(prefix));
}

function readField(draft: DirectivesDraft, content: Buffer, field: HeaderField, now: number): string | null {
  const known = rowOf(field.name);
  if (known === null) return field.name.startsWith(OWN_PREFIX) ? unknown(content, field) : null;
  const value = textOf(content, field);
  if (value === null) return `${known.name} is longer than ${MAX_VALUE_BYTES} bytes, or not in a known charset`;
  // A template with nothing to fill in writes such fields: they say nothing.
  if (value === '') return null;
  const rest = field.name.slice(known.name.length - 1);
  const problem = known.read(draft, value, { rest, now });
  return problem === null ? null : `${known.name} ${problem}${exampleOf(known)}`;
}

function rowOf(name: string): ControlField | null {
  return BY_NAME.get(name) ?? NAMED_BY_REST.find(row => name.startsWith(row.name.slice(0, -1).toLowerCase())) ?? null;
}

/** Named as it was sent. Names are printable ASCII; only their length is the app's. */
function unknown(content: Buffer, { name, start }: HeaderField): string {
  const shown = content.toString('latin1', start, start + Math.min(name.length, MAX_SHOWN));
  const nearest = nearestWord(shown.slice(OWN_PREFIX.length), OWN_NAMES);
  const meant = nearest === null ? null : rowOf(OWN_PREFIX + nearest.toLowerCase());
  if (meant === null) return `${shown} is not a known field (example: X-Postern-Tag: welcome)`;
  return `${shown} is not a known field: did you mean ${meant.name}?${exampleOf(meant)}`;
}

function exampleOf({ name, example }: ControlField): string {
  return example === '' ? '' : ` (example: ${name.replace('*', 'order')}: ${example})`;
}

/** Unfolded and decoded; null when it is too long or cannot be decoded. */
function textOf(content: Buffer, { valueStart, end }: HeaderField): string | null {
  if (end - valueStart > MAX_VALUE_BYTES) return null;
  const folded = content.toString('utf8', valueStart, end);
  const text = decodeWords(
    folded
      .replace(/\r\n[ \t]+/g, ' ')
      .replaceAll('\t', ' ')
      .trim(),
  );
  return text === null || text.includes('\ufffd') ? null : text.trim();
}
