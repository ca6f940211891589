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

export function explainReply(
  stage: Stage,
  reply: Reply,
  { provider, schedule }: { provider: Provider | null; schedule: RetrySchedule },
): ReplyExplanation {
  const { source, example } = findFault(stage, reply, provider);
  const verdict = judgeReply(stage, reply, provider);
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
