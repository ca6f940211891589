// Networks from which nobody needs to log in: whoever connects from one is the credential that names it. The narrowest
// network wins; of two that are the same, the older credential. Read again when what is known is older than two seconds,
// not for each connection; while the database is away what was known last holds, since no mail is taken then anyway.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Identity, Mode } from '../../src/mail/submission.ts';
import type { Clock } from '../../src/platform/clock.ts';
import type { Logger } from '../../src/platform/log.ts';
import { isIn, type Network, parseAddress, parseNetwork } from '../../src/platform/networks.ts';
import type { Credential } from '../../src/store/credentials.ts';
import { identityOf, type NoteUse } from '../authenticate.ts';

export type TrustedNetworksOptions = {
  /** Credentials that name networks, the oldest first. */
  readonly list: () => Promise<readonly Credential[]>;
  readonly noteUse: NoteUse;
  readonly defaultMode: Mode;
  readonly clock: Clock;
  readonly log: Logger;
};

/** Who an address is, without a login; a promise only when the list has to be read again. */
export type TrustedNetworks = (address: string) => Identity | null | Promise<Identity | null>;

const FRESH_MS = 2_000;
/** A greeting does not wait for a database that hangs. */
const READ_WITHIN_MS = 1_000;

type Entry = { readonly network: Network; readonly identity: Identity };

export function createTrustedNetworks(options: TrustedNetworksOptions): TrustedNetworks {
  const { list, noteUse, defaultMode, clock, log } = options;
  let entries: readonly Entry[] = [];
  let freshUntil = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | null = null;

  return address => {
    if (clock() < freshUntil) return identify(address);
    reading ??= read();
    return Promise.race([reading, sleep(READ_WITHIN_MS, undefined, { ref: false })]).then(() => identify(address));
  };

  function identify(address: string): Identity | null {
    const parsed = parseAddress(address);
    const found = parsed && entries.find(({ network }) => isIn(network, parsed));
    if (!found) return null;
    noteUse(found.identity.credentialId);
    return found.identity;
  }

  async function read(): Promise<void> {
    try {
      entries = narrowestFirst(await list(), defaultMode);
    } catch (error) {
      log.warn({ err: error }, 'trusted networks not read');
    }
    freshUntil = clock() + FRESH_MS;
    reading = null;
  }
}

/** Sorting is stable: of networks that are the same, the older credential's stays in front. */
function narrowestFirst(credentials: readonly Credential[], defaultMode: Mode): Entry[] {
  return credentials
    .flatMap(credential => {
      const identity = identityOf(credential, defaultMode);
      return credential.networks.map(text => ({ network: parseNetwork(text), identity }));
    })
    .sort((one, other) => other.network.bits - one.network.bits);
}
