// A DNS of one's own in memory: `name type` → records as node:dns gives them, or a code to fail with.
import type { Resolve } from '../../../src/platform/resolver.ts';

export type ZoneRecords = Record<string, readonly unknown[] | string>;

/** Names that are not in the zone do not exist. */
export function resolveIn(zone: ZoneRecords): Resolve {
  return async (name, type) => {
    const found = zone[`${name} ${type}`];
    if (typeof found === 'string') throw Object.assign(new Error(found), { code: found });
    if (found) return type === 'TXT' ? found.map(text => [text]) : [...found];
    throw Object.assign(new Error('nothing there'), { code: 'ENOTFOUND' });
  };
}
