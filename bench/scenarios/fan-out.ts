// One message for 1,000 recipients, five times in a row: from MAIL until the last recipient has it.
import { runLoad } from '../load.ts';
import { startSink } from '../sink.ts';
import { median } from '../statistics.ts';
import { waitUntil } from '../workspace.ts';
import { costOf, type Measuring, memoryFigures, type Outcome, planFor, type Scenario } from './scenario.ts';

const RECIPIENTS = 1_000;
const ARRIVES_WITHIN_MS = 60_000;

export const rcpt1000: Scenario = {
  name: 'rcpt1000',
  title: '1 message x 1,000 recipients, one after the other, 10 KiB',
  messages: 5,
  columns: ['acceptP50Ms', 'wholeMs', 'cpuPerMessage', 'pssMb', 'nodePssMb'],
  run: measure,
};

async function measure(site: Measuring): Promise<Outcome> {
  let recipientsReached = 0;
  let lastAtMs = 0;
  const sink = await startSink(site.upstreamPort, arrived => {
    recipientsReached += arrived.recipients;
    lastAtMs = arrived.atMs;
  });
  // Relays deliver in transactions of their own choice, so recipients are counted, not transactions.
  const sendOne = async (firstNumber: number) => {
    recipientsReached = 0;
    const load = await runLoad(planFor(site, { firstNumber, messages: 1, sessions: 1, recipients: RECIPIENTS }));
    if (load.refused > 0) throw new Error(`refused: ${load.firstRefusal}`);
    const isComplete = await waitUntil(() => recipientsReached >= RECIPIENTS, ARRIVES_WITHIN_MS, 2);
    if (!isComplete) throw new Error(`only ${recipientsReached} of ${RECIPIENTS} recipients reached`);
    return { wholeMs: lastAtMs - load.startedAtMs, acceptMs: load.acceptMs[0]! };
  };
  try {
    await sendOne(800_000_000);
    const [runs, cost] = await costOf(site.relay, async () => {
      const done = [];
      for (let number = 1; number <= site.messages; number += 1) done.push(await sendOne(number));
      return done;
    });
    const figures = {
      acceptP50Ms: median(runs.map(run => run.acceptMs)),
      wholeMs: median(runs.map(run => run.wholeMs)),
      cpuPerMessage: cost.cpuSeconds / site.messages,
      ...memoryFigures(cost.memory),
    };
    return { figures, remarks: [] };
  } finally {
    await sink.stop();
  }
}
