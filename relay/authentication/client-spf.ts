// SPF (RFC 7208) of a client that did not log in, evaluated by mailauth: ten look-ups, two without an answer, a few seconds.
import { domainOf } from '../../src/mail/address.ts';
import type { Envelope } from '../../src/mail/envelope.ts';
import type { Resolve } from '../../src/platform/resolver.ts';
import { printableName, type SpfFact, type SpfResult } from './facts.ts';
import { limitResolver, loadSpf } from './mailauth.ts';

export type Client = { readonly remoteAddress: string; readonly clientName: string };

export async function checkClient(
  client: Client,
  reversePath: Envelope['reversePath'],
  options: {
    readonly resolve: Resolve;
    readonly signal: AbortSignal;
    readonly hostname: string;
    readonly maxMs: number;
  },
): Promise<SpfFact> {
  const spf = await loadSpf();
  const { status } = await spf({
    ...(reversePath === null ? {} : { sender: reversePath }),
    ip: client.remoteAddress,
    helo: client.clientName,
    mta: options.hostname,
    resolver: limitResolver(options.resolve, options.signal).resolve,
    maxElapsedTime: options.maxMs,
    strict: true,
  });
  return { ...clientIdentity(client, reversePath), result: resultOf(status.result) };
}

/** RFC 7208 section 2.4: mail from `<>` is judged by the name in EHLO. */
export function clientIdentity(client: Client, reversePath: Envelope['reversePath']): Omit<SpfFact, 'result'> {
  return reversePath === null
    ? { identity: 'helo', domain: printableName(client.clientName) }
    : { identity: 'mailfrom', domain: printableName(domainOf(reversePath)) };
}

function resultOf(result: string): SpfResult {
  switch (result) {
    case 'none':
    case 'neutral':
    case 'pass':
    case 'fail':
    case 'softfail':
    case 'permerror':
      return result;
    default:
      return 'temperror';
  }
}
