// Two dispatchers over one PostgreSQL and one Redis, and kill -9 to one of them, sometimes to both. Every third one does
// not come back: another machine takes its place, so that what it held is sent when its leases end, after a minute.
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { startFleet } from '../relays/fleet.ts';
import type { Member } from '../relays/member.ts';
import type { Site } from '../relays/relay.ts';
import type { Siege } from './siege.ts';

/** What a killed process had written into its sockets may still be read by the upstream. */
const STILL_IN_SOCKETS_MS = 200;
const LOOK_EVERY_MS = 1_000;
/** The sweep comes every 2 s; the rest is a busy machine's. */
const LEASES_LIE_FOR_S = 10;

export async function besiegeDispatchers(site: Site, settings: Readonly<Record<string, string>>): Promise<Siege> {
  const fleet = await startFleet(site, { listeners: 2, dispatchers: 2, settings });
  const leases = await watchLeases(fleet.databaseUrl);
  let blows = 0;
  return {
    ports: fleet.listeners.map(listener => listener.smtpPort!),
    login: fleet.login,
    async strike(ledger) {
      blows += 1;
      const victims = blows % 5 === 0 ? fleet.dispatchers : [anyOf(fleet.dispatchers)];
      const isForGood = blows % 3 === 0;
      ledger.kill(performance.now());
      await Promise.all(victims.map(victim => victim.kill()));
      await sleep(STILL_IN_SOCKETS_MS);
      ledger.recover(performance.now());
      if (isForGood) for (const victim of victims) victim.replaceMachine();
      await Promise.all(victims.map(victim => victim.start()));
      return `${victims.map(victim => victim.name).join(' and ')}${isForGood ? ' for good' : ''}`;
    },
    async inspect() {
      const { states, liesForSeconds } = await leases.summary();
      return {
        lines: [
          `deliveries              ${states.map(({ state, count }) => `${count} ${state}`).join(', ')}`,
          `leases of the dead      lay for ${liesForSeconds.toFixed(1)} s at most, once they had ended (allowed: ${LEASES_LIE_FOR_S} s)`,
        ],
        isBroken: states.some(({ state }) => state !== 'delivered') || liesForSeconds > LEASES_LIE_FOR_S,
      };
    },
    async stop() {
      await leases.end();
      await fleet.stop();
    },
  };
}

/** Looks every second for leases that have ended and that nobody has taken, while anybody lives who could. */
async function watchLeases(databaseUrl: string) {
  const client = new Client({ connectionString: databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  let liesForSeconds = 0;
  const look = setInterval(async () => {
    const { rows } = await client.query(
      `select coalesce(max(extract(epoch from now() - due_at)), 0)::float as seconds from deliveries
       where state = 'queued' and lease_holder is not null`,
    );
    liesForSeconds = Math.max(liesForSeconds, rows[0].seconds);
  }, LOOK_EVERY_MS);
  return {
    async summary() {
      const { rows } = await client.query('select state, count(*)::int as count from deliveries group by state');
      return { states: rows as { state: string; count: number }[], liesForSeconds };
    },
    async end() {
      clearInterval(look);
      await client.end();
    },
  };
}

function anyOf(members: readonly Member[]): Member {
  return members[Math.floor(Math.random() * members.length)]!;
}
