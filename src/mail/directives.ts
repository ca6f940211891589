// What an app asks for in control headers, whichever provider's dialect it speaks.
import type { Stream } from './submission.ts';

export type Track = 'opens' | 'clicks';

export type Directives = {
  readonly tags: readonly string[];
  /** null = the app did not say. */
  readonly stream: Stream | null;
  readonly metadata: Readonly<Record<string, string>> | null;
  /** Not before then, in milliseconds since 1970. */
  readonly sendAt: number | null;
  /** How long it is tried. */
  readonly maxAgeMs: number | null;
  readonly idempotencyKey: string | null;
  /** Empty = the app asks that nothing is tracked. */
  readonly track: readonly Track[] | null;
  /** Accepted and kept, never sent. */
  readonly drop: boolean;
};

export const NO_DIRECTIVES: Directives = {
  tags: [],
  stream: null,
  metadata: null,
  sendAt: null,
  maxAgeMs: null,
  idempotencyKey: null,
  track: null,
  drop: false,
};
