// `npm run demo`: a guided tour. Starts the gateway as a user would, with two scripted upstreams behind it, sends real
// mail over SMTP and prints, for each message, what `postern message show` tells about it. Ends by itself and leaves
// nothing behind; exit 1 when a message did not come to where the tour says that it does.
import { Gateway } from './gateway.ts';
import { SCENES } from './scenes.ts';
import { closing, opening, printScene, warning } from './screen.ts';
import { Tour } from './tour.ts';
import { ScriptedUpstream } from './upstream.ts';

/** For a machine that is very busy; the tour takes about twenty seconds. */
const PATIENCE_MS = 120_000;

const startedAt = performance.now();
const upstreams = { first: await ScriptedUpstream.open('first'), second: await ScriptedUpstream.open('second') };
const gateway = await Gateway.prepare(upstreams);
process.exitCode = await tour().finally(takeDown);

async function tour(): Promise<number> {
  const impatience = AbortSignal.any([AbortSignal.timeout(PATIENCE_MS), interrupted()]);
  try {
    await gateway.start(impatience);
    opening(gateway, upstreams);
    const visit = new Tour(gateway, upstreams, impatience);
    for (const [index, scene] of SCENES.entries()) {
      printScene(index + 1, scene);
      await scene.play(visit);
    }
    closing({ ...visit.count(), seconds: (performance.now() - startedAt) / 1_000 });
    return 0;
  } catch (error) {
    warning((error as Error).message, gateway.lastWords());
    return 1;
  }
}

async function takeDown(): Promise<void> {
  await Promise.all([upstreams.first.close(), upstreams.second.close()]);
  await gateway.remove();
}

/** Aborts at Ctrl-C, so that the gateway and its directory go even then. */
function interrupted(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Error(`stopped by ${name}`)));
  }
  return controller.signal;
}
