// Lists of which a part is shown at a time.
import { UsageError } from './context.ts';

export function readLimit(text: string, most: number): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > most)
    throw new UsageError(`--limit is a number from 1 to ${most}, not ${text}`);
  return limit;
}

/** Of what was found with a limit of one more. */
export function firstPage<T>(
  found: readonly T[],
  limit: number,
): { readonly page: readonly T[]; readonly hasMore: boolean } {
  return { page: found.slice(0, limit), hasMore: found.length > limit };
}
