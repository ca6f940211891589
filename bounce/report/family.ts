/** What a reader of bounces without machine-readable part is given, and what it is. */
import type { Message } from '../mime/walk.ts';
import type { BlockFamily } from './blocks.ts';
import type { Reading } from './recipient.ts';
import type { ReportText } from './report-text.ts';

export interface FreeformInput {
  readonly message: Message;
  readonly report: ReportText;
  /** Addresses of the X-Failed-Recipients field (Exim, Gmail). */
  readonly failed: readonly string[];
  /** Who got the report: the sender of the returned message, never a failed recipient. */
  readonly own: readonly string[];
  /** To and Cc of the returned message. */
  readonly mailed: readonly string[];
}

/** A family whose shape needs code of its own. */
export interface CustomFamily {
  readonly name: string;
  readonly marks: readonly string[];
  readonly read: (input: FreeformInput) => Reading[];
  /** Least weight of evidence, where the marks alone say little. */
  readonly needs?: number;
}

export type Family = BlockFamily | CustomFamily;
