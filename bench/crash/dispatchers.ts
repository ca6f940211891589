// Two dispatchers over one PostgreSQL and one Redis, and kill -9 to one of them, sometimes to both. Every third one does
// not come back: another machine takes its place, so that what it held is sent when its leases end, after a minute.
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { type Fleet, startFleet } from '../relays/fleet.ts';
import type { Member } from '../relays/member.ts';
import type { Site } from '../relays/relay.ts';
import type { Inspection, Siege } from './siege.ts';

/** What a killed process had written into its sockets may still be read by the upstream. */
const STILL_IN_SOCKETS_MS = 200;
/** A lease is 60 s, the sweep comes every 2 s; the rest is a busy machine's. */
const LEASES_MOVE_WITHIN_S = 65;

export async function besiegeDispatchers(site: Site, settings: Readonly<Record<string, string>>): Promise<Siege> {
  const fleet = await startFleet(site, { listeners: 2, dispatchers: 2, settings });
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
    inspect: () => inspect(fleet),
    stop: () => fleet.stop(),
  };
}

/** What PostgreSQL says of it in the end, whatever arrived. */
async function inspect(fleet: Fleet): Promise<Inspection> {
  const client = new Client({ connectionString: fleet.databaseUrl });
  await client.connect();
  try {
    const states = await client.query('select state, count(*)::int as count from deliveries group by state');
    const moved = await client.query(
      `select count(*)::int as count, coalesce(max(extract(epoch from b.opened_at - a.opened_at)), 0)::float as seconds
       from attempts a
       join attempts b on b.message_id = a.message_id and b.n = a.n and b.attempt = a.attempt + 1 and b.hop = 0
       where a.ended_at is null`,
    );
    const { count, seconds } = moved.rows[0];
    return {
      lines: [
        `deliveries              ${states.rows.map(row => `${row.count} ${row.state}`).join(', ')}`,
        `attempts left open      ${count} tried again, ${seconds.toFixed(1)} s later at most (allowed: ${LEASES_MOVE_WITHIN_S} s)`,
      ],
      isBroken: states.rows.some(row => row.state !== 'delivered') || seconds > LEASES_MOVE_WITHIN_S,
    };
  } finally {
    await client.end();
  }
}

function anyOf(members: readonly Member[]): Member {
  return members[Math.floor(Math.random() * members.length)]!;
}
