// The stations of the tour. Each says what the upstreams will do, sends mail, and shows what Postern made of it.
import { ANYWHERE, type Tour } from './tour.ts';

export type Scene = {
  readonly title: string;
  /** What happens, and what to look for. */
  readonly text: string;
  readonly play: (tour: Tour) => Promise<void>;
};

const KILLED_MESSAGES = 20;

export const SCENES: readonly Scene[] = [
  {
    title: 'A message like any other',
    text: 'An app logs in, sends, and gets its 250 once the message is on the disk. The first upstream takes it.',
    play: async tour => {
      const id = await tour.send({ to: ['ann@example.net'], subject: 'Your order 1001' });
      await tour.follow(id, { 'ann@example.net': 'first' });
    },
  },
  {
    title: 'Three recipients, one of whom does not exist',
    text: 'The upstream says 550 5.1.1 to one of them. That one fails, alone and at once; the others get their mail.',
    play: async tour => {
      tour.upstreams.first.script = {
        rcpt: address => (address.startsWith('nobody@') ? '550 5.1.1 No such user here' : null),
      };
      const to = ['bob@example.net', 'nobody@example.net', 'cem@example.net'];
      const id = await tour.send({ to, subject: 'Minutes of the meeting' });
      await tour.follow(id, { 'bob@example.net': 'first', 'nobody@example.net': null, 'cem@example.net': 'first' });
    },
  },
  {
    title: 'Not now, says the host of the recipient',
    text: 'A transient reply (450) about the recipient is nobody else’s business: no fallback, a retry by the schedule.',
    play: async tour => {
      let asked = 0;
      tour.upstreams.first.script = {
        rcpt: () => (asked++ === 0 ? '450 4.2.0 Greylisted, come back later' : null),
      };
      const id = await tour.send({ to: ['dora@example.net'], subject: 'Your parcel is on its way' });
      await tour.follow(id, { 'dora@example.net': 'first' });
    },
  },
  {
    title: 'The first upstream has no room',
    text: 'That is the upstream’s trouble, not the message’s: it goes to the second one, within the same attempt.',
    play: async tour => {
      tour.upstreams.first.script = { mail: () => '452 4.3.1 Insufficient system storage' };
      const id = await tour.send({ to: ['emil@example.net'], subject: 'Your one-time code' });
      await tour.follow(id, { 'emil@example.net': 'second' });
    },
  },
  {
    title: 'The connection breaks after the last dot',
    text: 'Nobody can know whether the first upstream took it. So it is tried again there, and never at the second one.',
    play: async tour => {
      let broken = false;
      tour.upstreams.first.script = {
        final: () => {
          if (broken) return null;
          broken = true;
          return 'hang-up';
        },
      };
      const id = await tour.send({ to: ['fay@example.net'], subject: 'Invoice 2026-0007' });
      await tour.follow(id, { 'fay@example.net': 'first' });
    },
  },
  {
    title: 'The first upstream is dead',
    text: 'Connection refused: the second upstream takes the message, a few milliseconds later.',
    play: async tour => {
      tour.upstreams.first.script = {};
      await tour.upstreams.first.close();
      const id = await tour.send({ to: ['gil@example.net'], subject: 'Password reset' });
      await tour.follow(id, { 'gil@example.net': 'second' });
    },
  },
  {
    title: 'Both upstreams are dead, and then somebody pulls the plug',
    text: `${KILLED_MESSAGES} messages are accepted; gateway and database are ended with kill -9, and started again. They go to whoever is back first.`,
    play: killedWithMailWaiting,
  },
];

async function killedWithMailWaiting(tour: Tour): Promise<void> {
  await tour.upstreams.second.close();
  const recipients = Array.from({ length: KILLED_MESSAGES }, (_, i) => `user${i + 1}@example.net`);
  const subject = 'Sent while nothing worked';
  const ids: string[] = [];
  for (const to of recipients) ids.push(await tour.send({ to: [to], subject }, { quiet: true }));
  tour.say(`${ids.length} × 250; the first one is ${ids[0]}`);
  await tour.gateway.kill();
  tour.say('kill -9, upstreams back, gateway started again');
  await Promise.all([tour.upstreams.first.revive(), tour.upstreams.second.revive()]);
  await tour.restart();
  for (const [i, id] of ids.entries()) await tour.check(id, { [recipients[i]!]: ANYWHERE });
  await tour.show(ids[0]!);
}
