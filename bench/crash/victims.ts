import { isNode, type RelayTree, relayPids } from '../process-tree.ts';
import { signal } from '../relays/relay.ts';
import { waitUntil } from '../workspace.ts';

/** tree: everything, like a power cut with a battery-backed disk. database: all but Node. node: Node alone, the database stays. */
export const VICTIMS = ['tree', 'database', 'node'] as const;
export type Victim = (typeof VICTIMS)[number];

const DEAD_WITHIN_MS = 10_000;

/** SIGKILL to all of them within the same millisecond; resolves when they are gone. Throws when there is nothing to kill. */
export async function kill(victim: Victim, tree: RelayTree): Promise<void> {
  const pids = pidsOf(victim, tree);
  if (pids.length === 0) throw new Error(`nothing to kill: the relay has no ${victim} process`);
  for (const pid of pids) signal(pid, 'SIGKILL');
  const isDead = () => {
    const living = new Set(relayPids(tree));
    return pids.every(pid => !living.has(pid));
  };
  // A child forked in this very millisecond may be missed: the tree has none left only when it is looked at again.
  if (!(await waitUntil(isDead, DEAD_WITHIN_MS, 5))) throw new Error(`survives SIGKILL: ${pids.join(' ')}`);
  if (victim === 'tree') for (const pid of relayPids(tree)) signal(pid, 'SIGKILL');
}

function pidsOf(victim: Victim, tree: RelayTree): number[] {
  const pids = relayPids(tree);
  if (victim === 'tree') return pids;
  return pids.filter(pid => isNode(pid) === (victim === 'node'));
}
