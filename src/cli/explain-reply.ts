// `postern explain --reply`: who is at fault by an upstream's reply, by which rule, and what follows.
import { explainReplies as explain, type ReplyExplanation } from '../../relay/index.ts';
import { formatDuration } from '../platform/duration.ts';
import { Failure, printJson, readSettings } from './context.ts';

export type ReplyOptions = { stage?: string; upstream?: string; provider?: string; reply?: string; json?: boolean };

export function explainReplies(reply: string, { stage, upstream, provider, json }: ReplyOptions): void {
  const outcome = explain({ reply, stage, upstream, provider }, readSettings());
  if (outcome.kind === 'refused') throw new Failure(outcome.problem);
  if (json) outcome.explanations.forEach(printJson);
  else for (const alike of byRule(outcome.explanations)) print(alike);
}

/** Stages at which the same follows, together. */
function byRule(explanations: readonly ReplyExplanation[]): ReplyExplanation[][] {
  return [...Map.groupBy(explanations, ({ rule }) => rule).values()];
}

function print(alike: readonly ReplyExplanation[]): void {
  const { scope, rule, source, example, opens, slows, retryAfterMs } = alike[0]!;
  // Without the reason: it says again the stage and the scope.
  const follows = (which: 'whileOthersAreLeft' | 'atTheLast') => alike[0]![which].split(': ')[0]!;
  const lines: [string, string | null][] = [
    ['At', alike.map(({ stage }) => stage).join(', ')],
    ['Fault', `${scope}, by the rule ${rule}`],
    ['Then', follows('whileOthersAreLeft')],
    ['At the last', follows('atTheLast')],
    ['It asks for', retryAfterMs === null ? null : formatDuration(retryAfterMs)],
    ['Circuit', opens ? 'opens at once' : null],
    ['Pace', slows ? 'is halved, and recovers within ten minutes' : null],
    ['As in', `${example[1]}  (${example[0]})`],
    ['Source', source],
  ];
  for (const [title, value] of lines) if (value !== null) console.log(`${title.padEnd(13)}${value}`);
  console.log();
}
