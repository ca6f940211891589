// Debian's smtp-source as the generator: neutral, and known to every mail administrator. It knows neither AUTH nor
// STARTTLS and tells no latencies, so it stands beside our own generator, for relays that take mail without AUTH.
import { spawn } from 'node:child_process';
import type { LoadPlan, LoadResult } from './load.ts';
import { SENDER_DOMAIN } from './message.ts';

/** Throws when the plan needs what smtp-source cannot do, or when it stops at a reply that it does not expect. */
export async function runSmtpSource(plan: LoadPlan): Promise<LoadResult> {
  if (plan.login || plan.startTls) throw new Error('smtp-source knows neither AUTH nor STARTTLS');
  const startedAtMs = performance.now();
  const child = spawn('smtp-source', argumentsFor(plan), { stdio: ['ignore', 'ignore', 'inherit'] });
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('exit', resolve));
  if (code !== 0) throw new Error(`smtp-source ended with ${code}`);
  const endedAtMs = performance.now();
  const acceptedAtMs = Array.from({ length: plan.messages }, () => endedAtMs);
  return { accepted: plan.messages, refused: 0, firstRefusal: null, startedAtMs, acceptedAtMs, acceptMs: [] };
}

function argumentsFor(plan: LoadPlan): string[] {
  const keep = plan.perSession > 1 ? ['-d'] : [];
  const count = ['-s', String(plan.sessions), '-m', String(plan.messages), '-r', String(plan.recipients)];
  // -N numbers the recipients, as our own generator does.
  const names = ['-f', `app@${SENDER_DOMAIN}`, '-t', 'u@rcpt.example', '-N', '-M', SENDER_DOMAIN];
  return [...keep, ...count, ...names, '-l', String(plan.bytes), `127.0.0.1:${plan.port}`];
}
