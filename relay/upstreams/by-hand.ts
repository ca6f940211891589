// What a person does to an upstream: tries whether mail would get there, keeps mail away from it, lets it have mail again.
// Every gateway over the database hears of it within a second or two.
import { hostname } from 'node:os';
import { z } from 'zod';
import { parseDuration } from '../../src/platform/duration.ts';
import type { Pool } from '../../src/platform/postgres.ts';
import type { Settings } from '../../src/platform/settings.ts';
import { describePlace, type UpstreamSettings } from '../../src/platform/upstream-url.ts';
import { changeCircuits, closeByHand, openByHand } from '../../src/store/circuits.ts';
import { createUpstream } from './create.ts';
import { SessionError } from './greeting.ts';

const LONGEST_MS = 365 * 86_400_000;
const MAX_REASON = 500;

/** What is said about an opening: why, for whoever looks, and for how long. */
export const openingByHand = z.strictObject({
  reason: z
    .string('is no text')
    .trim()
    .max(MAX_REASON, `has more than ${MAX_REASON} characters`)
    .optional()
    .transform(reason => reason || null),
  for: z
    .string('is no text')
    .optional()
    .transform((duration, context): number | null => {
      const forMs = duration === undefined ? null : parseDuration(duration);
      if (duration !== undefined && (forMs === null || forMs === 0 || forMs > LONGEST_MS))
        context.addIssue('is a duration of at most a year: 30m, 2h, 7d');
      return forMs;
    }),
});

/** No mail goes there until `until`; null = until it is closed. */
export function openUpstream(
  pool: Pool,
  upstream: string,
  { by, reason, for: forMs }: z.output<typeof openingByHand> & { readonly by: string },
): Promise<{ until: Date | null }> {
  return changeCircuits(pool, connection => openByHand(connection, { upstream, by, reason, forMs }));
}

/** Whether it was open. */
export function closeUpstream(pool: Pool, upstream: string, by: string): Promise<boolean> {
  return changeCircuits(pool, connection => closeByHand(connection, upstream, by));
}

export type UpstreamTest = { readonly name: string; readonly ok: boolean; readonly detail: string };

/** Connects and logs in; sends nothing. */
export async function testUpstream(upstream: UpstreamSettings, settings: Settings): Promise<UpstreamTest> {
  const { name } = upstream;
  try {
    const client = createUpstream(upstream, settings, settings.POSTERN_HOSTNAME ?? hostname());
    const { remoteAddress, tls } = await client.probe(new AbortController().signal);
    if (upstream.kind !== 'smtp') return { name, ok: true, detail: describePlace(upstream) };
    const login = upstream.user === null ? 'no login' : `logged in as ${upstream.user}`;
    return { name, ok: true, detail: `${remoteAddress}, ${tls ?? 'no TLS'}, ${login}` };
  } catch (error) {
    const stage = error instanceof SessionError ? error.stage : 'connect';
    return { name, ok: false, detail: `${describePlace(upstream)}, at ${stage}: ${(error as Error).message}` };
  }
}
