// Whether who logged in may still do so: a session may be kept for days, and whoever removes or rotates a credential that
// leaked must not have to restart the gateway. Asked at each MAIL; the row is read every two seconds at most.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Identity, Mode } from '../src/mail/submission.ts';
import { BoundedMap } from '../src/platform/bounded-map.ts';
import type { Clock } from '../src/platform/clock.ts';
import type { Credential } from '../src/store/credentials.ts';
import { identityOf, isOfCredential } from './authenticate.ts';

export type StillValidOptions = {
  readonly find: (name: string) => Promise<Credential | null>;
  readonly defaultMode: Mode;
  readonly clock: Clock;
};

/** The identity as it is treated now, or null when it has to log in anew; a promise only when somebody has to be asked. */
export type StillValid = (identity: Identity) => Identity | null | Promise<Identity | null>;

const FRESH_MS = 2_000;
const READ_WITHIN_MS = 1_000;
const MAX_REMEMBERED = 10_000;

export function createStillValid({ find, defaultMode, clock }: StillValidOptions): StillValid {
  const looking = new Map<string, Promise<Credential | null>>();
  const known = new BoundedMap<string, { readonly until: number; readonly row: Credential | null }>(MAX_REMEMBERED);

  return identity => {
    const row = known.get(identity.credentialName);
    return row && row.until > clock() ? judge(identity, row.row) : look(identity);
  };

  /** While the database is away nothing is taken anyway; an app need not log in anew when it is back. */
  async function look(identity: Identity): Promise<Identity | null> {
    const { credentialName } = identity;
    const found = looking.get(credentialName) ?? read(credentialName);
    const judged = found.then(row => judge(identity, row)).catch(() => identity);
    return Promise.race([judged, sleep(READ_WITHIN_MS, identity, { ref: false })]);
  }

  function read(name: string): Promise<Credential | null> {
    const reading = find(name)
      .then(row => {
        known.set(name, { until: clock() + FRESH_MS, row });
        return row;
      })
      .finally(() => looking.delete(name));
    looking.set(name, reading);
    return reading;
  }

  function judge(identity: Identity, row: Credential | null): Identity | null {
    return row && isOfCredential(identity, row) ? identityOf(row, defaultMode) : null;
  }
}
