// SendGrid's X-SMTPAPI: one field with a JSON object. What labels and schedules is obeyed; what would make another
// message of it, or send it to others than the envelope names, cannot be, and is refused by name.
import type { DirectivesDraft } from './directives.ts';
import { entriesOf, parseObject } from './values.ts';

type Part = (draft: DirectivesDraft, value: unknown, sendAt: SendAt) => string | null;
export type SendAt = (text: string) => string | null;

const nothing: Part = () => null;

const PARTS = new Map<string, Part>([
  ['category', (draft, value) => firstProblem([value].flat(), tag => addCategory(draft, tag))],
  ['unique_args', (draft, value) => addMetadata(draft, entriesOf(value))],
  ['custom_args', (draft, value) => addMetadata(draft, entriesOf(value))],
  ['send_at', (_, value, sendAt) => sendAt(String(value))],
  ['asm_group_id', (draft, value) => draft.metadata('asm_group_id', String(value))],
  ['asm', (draft, value) => addGroup(draft, value)],
  ['batch_id', (draft, value) => draft.metadata('batch_id', String(value))],
  // Which address of SendGrid's it leaves from.
  ['ip_pool', nothing],
  ['filters', (draft, value) => readFilters(draft, value)],
]);

/** What is wrong, in words that follow the name of the field, or null. */
export function readSmtpApi(draft: DirectivesDraft, text: string, sendAt: SendAt): string | null {
  const parts = parseObject(text);
  if (parts === null) return 'is not a JSON object';
  return firstProblem(parts, ([name, value]) => {
    if (isEmpty(value)) return null;
    const read = PARTS.get(name);
    return read ? read(draft, value, sendAt) : `cannot be honoured: its part ${printable(name)} is not supported here`;
  });
}

/** Metadata out of a JSON object, null when it was none; what is no text becomes its JSON. */
export function addMetadata(draft: DirectivesDraft, entries: readonly [string, unknown][] | null): string | null {
  if (entries === null) return 'is not a JSON object of names and values';
  return firstProblem(entries, ([name, entry]) =>
    isEmpty(entry) ? null : draft.metadata(name, typeof entry === 'string' ? entry : JSON.stringify(entry)),
  );
}

export function firstProblem<T>(items: readonly T[], read: (item: T) => string | null): string | null {
  for (const item of items) {
    const problem = read(item);
    if (problem !== null) return problem;
  }
  return null;
}

function addCategory(draft: DirectivesDraft, value: unknown): string | null {
  return typeof value === 'string' ? draft.tag(value.trim()) : 'has a category that is no text';
}

function addGroup(draft: DirectivesDraft, value: unknown): string | null {
  const group = entriesOf(value)?.find(([name]) => name === 'group_id');
  return group ? draft.metadata('asm_group_id', String(group[1])) : 'has an asm without group_id';
}

const TRACKING = new Map<string, 'opens' | 'clicks'>([
  ['opentrack', 'opens'],
  ['clicktrack', 'clicks'],
]);
/** They sign or measure what is sent, and leave it as it is. */
const HARMLESS = ['dkim', 'domainkeys', 'spamcheck'];

/** `{"clicktrack": {"settings": {"enable": 1}}}`: the others rewrite the message or choose who gets it. */
function readFilters(draft: DirectivesDraft, value: unknown): string | null {
  const filters = entriesOf(value);
  if (filters === null) return 'has filters that are not a JSON object';
  return firstProblem(filters, ([name, filter]) => {
    const settings = entriesOf(entriesOf(filter)?.find(([key]) => key === 'settings')?.[1]) ?? [];
    const isOn = settings.some(([key, on]) => /^enabled?$/.test(key) && [1, '1', true].includes(on as never));
    const tracked = TRACKING.get(name);
    if (tracked) return draft.set(tracked, isOn);
    return !isOn || HARMLESS.includes(name)
      ? null
      : `cannot be honoured: its filter ${printable(name)} is not supported here`;
  });
}

/** SendGrid's libraries write parts that say nothing. */
function isEmpty(value: unknown): boolean {
  return value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0);
}

/** Fit for a reply line. */
function printable(name: string): string {
  return /^[\w.-]{1,40}$/.test(name) ? name : 'with an odd name';
}
