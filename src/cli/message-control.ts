// `postern message hold|release|cancel|retry`: by id, or everything that fits.
import type { Command } from 'commander';
import { createWakeQueue } from '../platform/queue.ts';
import { type Choice, controlDeliveries, countChosen, type Deed, type Done, type HowMany } from '../store/control.ts';
import { Failure, printJson, UsageError, withStore } from './context.ts';
import { asId, type ChoiceOptions, readChoice, withChoice } from './message-choice.ts';

type ControlOptions = ChoiceOptions & { yes?: boolean; json?: boolean };

type Wording = {
  readonly doc: string;
  /** Behind "nothing of ID …". */
  readonly wanted: string;
  readonly done: string;
  /** Whether what is being tried right now was meant too: then the deed is not done. */
  readonly missesTried: boolean;
};

const WORDINGS: Readonly<Record<Deed, Wording>> = {
  hold: { doc: 'keep what waits until it is released', wanted: 'waits', done: 'held', missesTried: true },
  release: { doc: 'send what is held, whatever for', wanted: 'is held', done: 'due now', missesTried: false },
  cancel: {
    doc: 'never send what waits or is held',
    wanted: 'waits or is held',
    done: 'cancelled',
    missesTried: true,
  },
  retry: {
    doc: 'try now what waits, failed or expired',
    wanted: 'waits, failed or expired',
    done: 'due now',
    missesTried: false,
  },
};

export function registerMessageControl(message: Command): void {
  for (const deed of Object.keys(WORDINGS) as Deed[]) {
    withChoice(message.command(`${deed} [id...]`))
      .description(`${WORDINGS[deed].doc}: these messages, or those that fit`)
      .option('--yes', 'also when more than one message fits')
      .option('--json', 'print JSON, one message a line')
      .action((ids: string[], options: ControlOptions) => control(deed, ids, options));
  }
}

async function control(deed: Deed, ids: readonly string[], options: ControlOptions): Promise<void> {
  const choice = chosenBy(deed, ids, options);
  const done = await withStore(async ({ db, url }, settings, log) => {
    const { messages, deliveries } = await countChosen(db, deed, choice);
    if (ids.length === 0 && messages > 1 && !options.yes) throw tooMany(deed, { messages, deliveries });
    const changed = await controlDeliveries(db, deed, choice, settings.POSTERN_MAX_AGE);
    if (WORDINGS[deed].done === 'due now' && count(changed, 'deliveries') > 0) {
      const queue = createWakeQueue({ databaseUrl: url, redisUrl: settings.REDIS_URL, log });
      await queue.wakeNow();
      await queue.close();
    }
    return changed;
  });
  report(deed, ids, done, options);
}

function chosenBy(deed: Deed, ids: readonly string[], options: ControlOptions): Choice {
  const choice = readChoice(options);
  if (ids.length === 0 && Object.values(choice).every(value => value === undefined))
    throw new UsageError(`say which (example: npx postern message ${deed} --to '*@example.com')`);
  return { ...choice, messageIds: ids.length > 0 ? ids.map(asId) : undefined };
}

function tooMany(deed: Deed, { messages, deliveries }: HowMany): Failure {
  return new Failure(
    `${deliveries} deliveries of ${messages} messages fit: --yes to ${deed} them all, \`message find\` to see them`,
  );
}

function report(deed: Deed, ids: readonly string[], done: readonly Done[], options: ControlOptions): void {
  const { wanted, missesTried, done: doneWord } = WORDINGS[deed];
  const deliveries = count(done, 'deliveries');
  const beingTried = count(done, 'beingTried');
  if (deliveries + beingTried === 0)
    throw new Failure(`nothing of ${ids.length > 0 ? ids.join(', ') : 'what fits'} ${wanted}`);
  if (options.json) done.forEach(printJson);
  else if (deliveries > 0)
    console.log(`${deliveries} ${deliveries === 1 ? 'delivery is' : 'deliveries are'} ${doneWord}.`);
  if (beingTried === 0) return;
  const left = `${beingTried} being tried right now and left alone`;
  if (deliveries === 0 || missesTried) throw new Failure(`${left}: ask again when that is over`);
  console.error(`postern: ${left}`);
}

function count(done: readonly Done[], which: 'deliveries' | 'beingTried'): number {
  return done.reduce((sum, message) => sum + message[which], 0);
}
