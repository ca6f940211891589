// One relay with its database: all of it is killed, or a part.
import type { Relay, RunningRelay, Site } from '../relays/relay.ts';
import { waitUntil } from '../workspace.ts';
import type { Ledger } from './ledger.ts';
import type { Siege } from './siege.ts';
import { kill, type Victim } from './victims.ts';

const BACK_WITHIN_MS = 60_000;

export async function besiegeRelay(relay: Relay, site: Site, what: Victim): Promise<Siege> {
  let running: RunningRelay = await relay.start(site);
  return {
    ports: [running.smtpPort],
    login: running.login,
    async strike(ledger) {
      const killedAtMs = performance.now();
      ledger.kill(killedAtMs);
      await kill(what, running.tree);
      // Postern starts its database again by itself; a process that is gone needs somebody else.
      if (what !== 'database') running = await relay.start(site);
      await backAtWork(ledger, site, performance.now());
      return `${what}: takes mail again after ${((performance.now() - killedAtMs) / 1000).toFixed(1)} s`;
    },
    inspect: async () => ({ lines: [], isBroken: false }),
    stop: () => running.stop(),
  };
}

/** An open port is no proof: only a message begun after the kill and acknowledged is. */
async function backAtWork(ledger: Ledger, site: Site, sinceMs: number): Promise<void> {
  const isBack = await waitUntil(() => ledger.hasAcknowledgedSince(sinceMs), BACK_WITHIN_MS, 10);
  if (!isBack) throw new Error(`takes no mail ${BACK_WITHIN_MS / 1000} s after a kill; its log is in ${site.home}`);
  ledger.recover(performance.now());
}
