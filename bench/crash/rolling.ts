// Two listeners and two dispatchers, each stopped and started again as an upgrade does it, one after the other, under
// load. Nothing excuses anything here: no message is lost, none comes twice, none is taken without its 250, and clients
// see nothing but 421 and closed doors.
import { startFleet } from '../relays/fleet.ts';
import type { Site } from '../relays/relay.ts';
import type { Siege } from './siege.ts';

/** Said to who is idle, or connects too late. */
const GOODBYES = [/\b421 4\.3\.2\b/, /ECONNREFUSED/, /connection closed by the relay/];

export async function besiegeByRestarts(site: Site, settings: Readonly<Record<string, string>>): Promise<Siege> {
  const fleet = await startFleet(site, { listeners: 2, dispatchers: 2, settings });
  const members = [...fleet.listeners, ...fleet.dispatchers];
  let restarts = 0;
  return {
    ports: fleet.listeners.map(listener => listener.smtpPort!),
    login: fleet.login,
    async strike() {
      const member = members[restarts++ % members.length]!;
      const beganAtMs = performance.now();
      await member.stop();
      const stoppedAtMs = performance.now();
      await member.start();
      const [stop, start] = [stoppedAtMs - beganAtMs, performance.now() - stoppedAtMs];
      return `${member.name}: stopped in ${seconds(stop)}, ready again ${seconds(start)} later`;
    },
    async inspect({ unpromised }, refusals) {
      const worse = [...refusals.keys()].filter(why => !GOODBYES.some(goodbye => goodbye.test(why)));
      return {
        lines: [
          `taken without a 250     ${unpromised}`,
          ...[...refusals].map(([why, count]) => `clients were told       ${count} times: ${why}`),
        ],
        isBroken: unpromised > 0 || worse.length > 0,
      };
    },
    stop: () => fleet.stop(),
  };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
