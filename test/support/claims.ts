// Claiming deliveries as a dispatcher does, with room for so many of either stream.
import type { Pool } from '../../src/platform/postgres.ts';
import { claimDeliveries } from '../../src/store/deliveries.ts';

export function claimSome(
  pool: Pool,
  options: Partial<{ which: 'due' | 'parked'; limit: number; holder: string; leaseMs: number }> = {},
) {
  const { limit = 100, which = 'due', ...given } = options;
  const limits = { transactional: limit, bulk: limit };
  const parkedFor = which === 'parked' ? 'default' : null;
  return claimDeliveries(pool, { parkedFor, limits, holder: 'h', leaseMs: 60_000, ...given });
}
