// `postern explain --reply`: who is at fault by an upstream's reply, by which rule, and what follows.
import {
  explainReply,
  PROVIDERS,
  type Provider,
  providerOfHost,
  type ReplyExplanation,
  STAGES,
} from '../../relay/index.ts';
import { parseReplyLines, type Reply } from '../mail/reply.ts';
import type { Stage } from '../mail/upstream.ts';
import { formatDuration } from '../platform/duration.ts';
import type { Settings } from '../platform/settings.ts';
import { Failure, printJson, readSettings } from './context.ts';

export type ReplyOptions = { stage?: string; upstream?: string; provider?: string; reply?: string; json?: boolean };

/** Where a reply most often comes from. */
const USUAL: readonly Stage[] = ['mail', 'rcpt', 'data', 'final'];

export function explainReplies(said: string, options: ReplyOptions): void {
  const settings = readSettings();
  const reply = readReply(said);
  const provider = readProvider(options, settings);
  const stages = options.stage === undefined ? USUAL : [readStage(options.stage)];
  const explanations = stages.map(stage => explainReply(stage, reply, { provider, schedule: settings.POSTERN_RETRY }));
  if (options.json) explanations.forEach(printJson);
  else for (const alike of byRule(explanations)) print(alike);
}

/** Lines as they came, or as a log has them: `550-5.1.1 The account … 550 5.1.1 does not exist`. */
function readReply(said: string): Reply {
  const lines = said.split(/\r?\n/).filter(line => line.trim() !== '');
  const code = Number(/^([45]\d\d)(?=[ -]|$)/.exec(lines[0] ?? '')?.[1]);
  if (!code) throw new Failure(`${said} is no refusal: it begins with 4 or 5, as in '550 5.1.1 User unknown'`);
  const again = new RegExp(` ${code}[ -](?=[45]\\.)`, 'g');
  const texts = lines.map(line => line.slice(4).replace(again, '\n').split('\n'));
  return parseReplyLines(code, texts.flat());
}

function readStage(stage: string): Stage {
  const known = STAGES.find(one => one === stage);
  if (!known) throw new Failure(`there is no stage ${stage}: ${STAGES.join(', ')}`);
  return known;
}

function readProvider({ upstream, provider }: ReplyOptions, settings: Settings): Provider | null {
  if (provider !== undefined) {
    const known = PROVIDERS.find(one => one === provider);
    if (!known) throw new Failure(`there is no provider ${provider}: ${PROVIDERS.join(', ')}`);
    return known;
  }
  if (upstream === undefined) return null;
  const found = (settings.POSTERN_UPSTREAMS ?? []).find(({ name }) => name === upstream);
  if (!found) throw new Failure(`there is no upstream ${upstream}`);
  return found.kind === 'smtp' ? providerOfHost(found.host) : null;
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
