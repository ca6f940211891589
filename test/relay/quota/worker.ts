// A process that charges messages as fast as it can, until it is killed. Its one argument is the database.
import { createQuotas } from '../../../relay/quota/index.ts';
import { createLog } from '../../../src/platform/log.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { createPool } from '../../../src/platform/postgres.ts';
import { IDENTITY } from '../../support/identity.ts';

const AT_ONCE = 20;
const log = createLog('silent');
const pool = createPool(process.argv[2]!, { max: 3, name: 'quota-worker', log, indexOnly: true });
const quotas = createQuotas({ pool, log, metrics: createMetrics(async () => 0) });
const notAfter = new Date(Date.now() + 1_000 * 86_400_000);
const recipients = [{ n: 0, domain: 'x.example' }];

await quotas.start();
for (;;) {
  const requests = Array.from({ length: AT_ONCE }, () => ({
    ...{ identity: IDENTITY, stream: 'transactional' as const, recipients, beginsInMs: 0, notAfter },
  }));
  await Promise.all(requests.map(request => quotas.charge(request)));
  process.stdout.write('charging\n');
}
