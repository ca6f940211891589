// What control fields ask for, gathered from as many fields and dialects as a message has. Bounded, since all of it is
// stored; two fields that ask for different things are a problem and not a race.
import type { Stream } from '../../src/mail/submission.ts';

export type Track = 'opens' | 'clicks';

export type Directives = {
  readonly tags: readonly string[];
  /** null = none. Any name is data here, `__proto__` too: fit for JSON, not for looking things up in. */
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly stream: Stream | null;
  /** When to begin, in milliseconds since 1970, never before now; null = nothing was said. */
  readonly sendAtMs: number | null;
  /** For how long it is tried, from its acceptance or its send-at time, in milliseconds; null = the default. */
  readonly maxAgeMs: number | null;
  readonly idempotencyKey: string | null;
  /** null = nothing was said; empty = not to be tracked. */
  readonly track: readonly Track[] | null;
  /** Accept it, and do not send it. */
  readonly drop: boolean;
};

/** What can be said once: saying it again must be saying the same. */
type Single = {
  stream: Stream;
  sendAtMs: number;
  maxAgeMs: number;
  idempotencyKey: string;
  track: boolean;
  opens: boolean;
  clicks: boolean;
  drop: boolean;
};

const MAX_TAGS = 20;
const MAX_TAG = 128;
const MAX_METADATA = 50;
const MAX_NAME = 64;
const MAX_VALUE = 1_000;

export const NO_DIRECTIVES: Directives = {
  ...{ tags: [], metadata: null, stream: null, sendAtMs: null, maxAgeMs: null, idempotencyKey: null, track: null },
  drop: false,
};

/** Each of its methods returns what is wrong, in words that follow the name of a field, or null. */
export class DirectivesDraft {
  readonly #tags = new Set<string>();
  readonly #metadata = new Map<string, string>();
  readonly #single: Partial<Single> = {};

  tag(tag: string): string | null {
    if (tag === '') return null;
    if (tag.length > MAX_TAG) return `has a tag of more than ${MAX_TAG} characters`;
    if (!isStorable(tag)) return 'has a control character';
    this.#tags.add(tag);
    return this.#tags.size > MAX_TAGS ? `makes more than ${MAX_TAGS} tags` : null;
  }

  metadata(name: string, value: string): string | null {
    if (value === '') return null;
    if (name === '' || name.length > MAX_NAME) return `needs a name of 1 to ${MAX_NAME} characters`;
    if (value.length > MAX_VALUE) return `has a value of more than ${MAX_VALUE} characters`;
    if (!isStorable(name) || !isStorable(value)) return 'has a control character';
    if ((this.#metadata.get(name) ?? value) !== value) return 'says something else than another field';
    this.#metadata.set(name, value);
    return this.#metadata.size > MAX_METADATA ? `makes more than ${MAX_METADATA} entries` : null;
  }

  set<Key extends keyof Single>(key: Key, value: Single[Key]): string | null {
    if ((this.#single[key] ?? value) !== value) return 'says something else than another field';
    this.#single[key] = value;
    return null;
  }

  finish(): Directives {
    const { stream = null, sendAtMs = null, maxAgeMs = null, idempotencyKey = null, drop = false } = this.#single;
    return {
      tags: [...this.#tags],
      metadata: this.#metadata.size === 0 ? null : Object.fromEntries(this.#metadata),
      ...{ stream, sendAtMs, maxAgeMs, idempotencyKey, drop },
      track: this.#track(),
    };
  }

  /** What is said of opens or of clicks beats what is said of both, as with Mailgun. */
  #track(): Track[] | null {
    const { track, opens = track, clicks = track } = this.#single;
    if (opens === undefined && clicks === undefined) return null;
    return [...(opens ? ['opens' as const] : []), ...(clicks ? ['clicks' as const] : [])];
  }
}

/** PostgreSQL takes neither NUL nor half a character; and nobody wants the others in a terminal. */
function isStorable(text: string): boolean {
  return !/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text) && text.isWellFormed();
}
