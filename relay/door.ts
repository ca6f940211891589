// Whoever is asked about mail at the door, built once: for the listener, which acts on the answers, and for `explain`,
// which tells them.
import type { Kysely } from 'kysely';
import type { Clock } from '../src/platform/clock.ts';
import type { Logger } from '../src/platform/log.ts';
import type { Metrics } from '../src/platform/metrics.ts';
import type { Pool } from '../src/platform/postgres.ts';
import { createResolver } from '../src/platform/resolver.ts';
import { loadSealer } from '../src/platform/sealing.ts';
import type { Settings } from '../src/platform/settings.ts';
import { sendingHosts } from '../src/platform/upstream-url.ts';
import type { Database } from '../src/store/schema.ts';
import type { Admission } from './admission.ts';
import { type Assess, createAssess } from './assess.ts';
import { createExaminer } from './authentication/examine.ts';
import { includesOf, rewrittenFields } from './domains/providers.ts';
import { createQuotas, type Quotas } from './quota/index.ts';
import { createKeyRing, type KeyRing } from './signing/key-ring.ts';
import { createSigner, type Signer } from './signing/signer.ts';
import { objectToSuppressed } from './suppressed.ts';

export type Door = {
  readonly assess: Assess;
  readonly admission: Admission;
  readonly quotas: Quotas;
  readonly keys: KeyRing;
  readonly signer: Signer;
};

export type DoorOptions = {
  /** For what is on each message's way. */
  readonly pool: Pool;
  /** For what is read now and then. */
  readonly db: Kysely<Database>;
  readonly settings: Settings;
  readonly hostname: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
};

export function createDoor(options: DoorOptions): Door {
  const { pool, db, settings, hostname, clock, log } = options;
  const upstreams = settings.POSTERN_UPSTREAMS ?? [];
  const hosts = sendingHosts(upstreams, hostname);
  const quotas = createQuotas(options);
  const keys = createKeyRing({
    ...{ db, clock, log },
    sealer: () => loadSealer({ secretKey: settings.POSTERN_SECRET_KEY, dataDir: settings.POSTERN_DATA_DIR }),
  });
  const examine = createExaminer({
    ...{ hostname, clock, log },
    resolve: createResolver({ servers: settings.POSTERN_DNS_SERVERS, clock }),
    upstreamIncludes: includesOf(hosts),
  });
  return {
    ...{ quotas, keys },
    signer: createSigner({ keys, clock, rewritten: rewrittenFields(hosts.map(({ host }) => host)) }),
    assess: createAssess({
      ...{ hostname, keys, examine, clock },
      maxMessageSize: settings.POSTERN_MAX_MESSAGE_SIZE,
      captureOnly: settings.POSTERN_ROLES.has('dispatcher') && settings.POSTERN_UPSTREAMS === null,
      upstreams: upstreams.map(({ name }) => name),
      returnPathDomain: settings.POSTERN_RETURN_PATH_DOMAIN,
    }),
    admission: {
      objectToMail: identity =>
        identity.overQuota === 'reject' && identity.mode === 'live' ? objectToQuota(quotas, identity) : null,
      objectToRecipient: (identity, recipient) =>
        identity.onSuppressed === 'reject' ? objectToSuppressed(pool, identity, 'transactional', recipient) : null,
    },
  };
}

/** The stream is not known yet: its quotas are asked when the message is there. */
async function objectToQuota(quotas: Quotas, identity: Parameters<Quotas['peek']>[0]) {
  return (await quotas.peek(identity, null))?.reply ?? null;
}
