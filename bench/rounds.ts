// One scenario over all relays, round after round. Only one relay runs at a time, on an empty queue; the order turns
// round with every round, so that a machine that slows down (or a neighbour that wakes up) hits the first and the last alike.
import { makeCertificate } from './certificate.ts';
import type { Relay, RunningRelay } from './relays/relay.ts';
import type { Measuring, Outcome, Scenario } from './scenarios/scenario.ts';
import { freePort, makeHome, removeHome } from './workspace.ts';

export interface RoundOptions {
  readonly rounds: number;
  readonly messages?: number | undefined;
  readonly generator: Measuring['generator'];
  readonly sink: Measuring['sink'];
  readonly isPipelined: boolean;
  /** The directory, on a real disk, below which every run gets its own. */
  readonly parent: string;
  readonly keepHomes: boolean;
}

export interface Run extends Outcome {
  readonly relay: string;
  readonly round: number;
}

export async function runScenario(
  scenario: Scenario,
  relays: readonly Relay[],
  options: RoundOptions,
  onRun: (run: Run) => void,
): Promise<Run[]> {
  const runs: Run[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const relay of round % 2 === 1 ? relays : relays.toReversed()) {
      const run = { relay: relay.name, round, ...(await runOnce(scenario, relay, options)) };
      runs.push(run);
      onRun(run);
    }
  }
  return runs;
}

let stopRunning: (() => Promise<void>) | null = null;

/** For an interrupted bench: leaves no relay behind. */
export async function stopWhateverRuns(): Promise<void> {
  await stopRunning?.();
}

async function runOnce(scenario: Scenario, relay: Relay, options: RoundOptions): Promise<Outcome> {
  const home = makeHome(relay.name, options.parent);
  const directory = makeHome('rig', options.parent);
  let running: RunningRelay | null = null;
  stopRunning = async () => {
    await running?.stop();
    removeHome(directory);
    if (!options.keepHomes) removeHome(home);
  };
  try {
    const [smtpPort, upstreamPort] = [await freePort(), await freePort()];
    running = await relay.start({ home, smtpPort, upstreamPort, certificate: makeCertificate(directory) });
    return await scenario.run({
      ...options,
      relay: running,
      upstreamPort,
      directory,
      messages: options.messages ?? scenario.messages,
    });
  } catch (error) {
    return { figures: {}, remarks: [error instanceof Error ? error.message : String(error)] };
  } finally {
    await stopRunning();
    stopRunning = null;
  }
}
