// What a reply would lead to, for `postern explain --reply`: the row that fits, and what follows from it with another
// upstream left and without.

import type { Provider } from '../../src/mail/provider.ts';
import type { Reply } from '../../src/mail/reply.ts';
import type { Scope, Stage } from '../../src/mail/upstream.ts';
import type { RetrySchedule } from '../../src/platform/duration.ts';
import { describeStep } from '../dispatch/progress.ts';
import { nextStep } from '../retry.ts';
import type { Example } from './fault.ts';
import { findFault, judgeReply } from './judge.ts';
import { judgedAsOwnHost } from './own-host.ts';

export type ReplyExplanation = {
  readonly stage: Stage;
  readonly scope: Scope;
  readonly rule: string;
  readonly source: string;
  readonly example: Example;
  /** The upstream's circuit opens at once. */
  readonly opens: boolean;
  /** Less goes there for a while. */
  readonly slows: boolean;
  readonly retryAfterMs: number | null;
  /** At the first attempt: with another upstream left, and at the last one of the route. */
  readonly whileOthersAreLeft: string;
  readonly atTheLast: string;
};

/** Whose words they are. */
export type Speaker = {
  readonly provider: Provider | null;
  /** A host of the recipient's domain (mx://), not one that we are a customer of. */
  readonly isOwnHost: boolean;
};

export function explainReply(
  stage: Stage,
  reply: Reply,
  { provider, isOwnHost, schedule }: Speaker & { schedule: RetrySchedule },
): ReplyExplanation {
  const { source, example } = findFault(stage, reply, provider);
  const said = judgeReply(stage, reply, provider);
  const verdict = isOwnHost ? judgedAsOwnHost(stage, reply, said) : said;
  const follows = (upstreamLeft: boolean) =>
    describeStep(
      nextStep({
        result: { kind: 'refused', stage, reply, ...verdict },
        ...{
          attempt: 1,
          upstreamLeft,
          allDown: false,
          now: 0,
          expiresAt: Number.MAX_SAFE_INTEGER,
          schedule,
          random: 0.5,
        },
      }),
    );
  return { stage, ...verdict, source, example, whileOthersAreLeft: follows(true), atTheLast: follows(false) };
}
