// What the tests of upstreams share: an envelope, a small message, and results as one line each.
import type { Neighbourhood } from '../../../relay/dispatch/neighbours.ts';
import type { SharedPace } from '../../../relay/upstreams/pacer.ts';
import type { Address } from '../../../src/mail/address.ts';
import type { Envelope } from '../../../src/mail/envelope.ts';
import { formatReply } from '../../../src/mail/reply.ts';
import type { AttemptResult, Upstream } from '../../../src/mail/upstream.ts';
import type { Pool } from '../../../src/platform/postgres.ts';
import { parseUpstreamUrl, type UpstreamSettings } from '../../../src/platform/upstream-url.ts';

export const NEVER = new AbortController().signal;
export const HELLO = [Buffer.from('Subject: hello\r\n\r\n'), Buffer.from('.hello\r\n')];

export function envelope(...recipients: string[]): Envelope {
  return {
    reversePath: 'sender@example.com' as Address,
    recipients: recipients.map(address => ({ address: address as Address, notify: null, orcpt: null })),
    ...{ ret: null, envid: null, body: '7BIT', smtpUtf8: false },
  };
}

export function settingsOf<K extends UpstreamSettings['kind']>(kind: K, url: string) {
  const settings = parseUpstreamUrl(url);
  if (typeof settings === 'string') throw new Error(`${url} ${settings}`);
  if (settings.kind !== kind) throw new Error(`${url} is not of the kind ${kind}`);
  return settings as Extract<UpstreamSettings, { kind: K }>;
}

export function said(result: AttemptResult): string {
  switch (result.kind) {
    case 'accepted':
      return `accepted: ${formatReply(result.reply)}`;
    case 'refused':
      return `refused at ${result.stage}, ${result.scope}: ${formatReply(result.reply)}`;
    default:
      return `${result.kind} at ${result.stage}`;
  }
}

export async function attempt(
  upstream: Upstream,
  to = envelope('a@x.example'),
  content: readonly Buffer[] = HELLO,
  signal = NEVER,
): Promise<string[]> {
  return (await upstream.attempt(to, content, signal)).results.map(said);
}

/** Dispatchers that come and go when the test says so; what has no rate asks no database. */
export class FakeNeighbours implements Neighbourhood {
  count: number;
  readonly listeners = new Set<(count: number) => void>();

  constructor(count: number) {
    this.count = count;
  }

  onChange(listener: (count: number) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  become(count: number): void {
    this.count = count;
    for (const listener of this.listeners) listener(count);
  }

  get pace(): SharedPace {
    return { neighbours: this, pool: NO_DATABASE };
  }
}

const NO_DATABASE = {
  query: async () => {
    throw new Error('there is no database');
  },
} as unknown as Pool;
