// A reply as a person has it, from a log or a bounce, explained at the stages where it may have been said.
import { PROVIDERS, providerOfHost } from '../../src/mail/provider.ts';
import { parseReplyLines, type Reply } from '../../src/mail/reply.ts';
import type { Stage } from '../../src/mail/upstream.ts';
import type { Settings } from '../../src/platform/settings.ts';
import { type Refusal, refused } from '../refusal.ts';
import { explainReply, type ReplyExplanation, type Speaker } from './explain-reply.ts';
import { STAGES } from './fault.ts';

export type ReplyQuestion = {
  readonly reply: string;
  readonly stage?: string | undefined;
  /** Whose words they are: by an upstream's name, or by the provider's. */
  readonly upstream?: string | undefined;
  readonly provider?: string | undefined;
};

/** Where a reply most often comes from. */
const USUAL: readonly Stage[] = ['mail', 'rcpt', 'data', 'final'];

export function explainReplies(
  question: ReplyQuestion,
  settings: Pick<Settings, 'POSTERN_UPSTREAMS' | 'POSTERN_RETRY'>,
): { readonly kind: 'explained'; readonly explanations: readonly ReplyExplanation[] } | Refusal {
  const reply = readReply(question.reply);
  if ('kind' in reply) return reply;
  const speaker = readSpeaker(question, settings);
  if ('kind' in speaker) return speaker;
  const stages = question.stage === undefined ? USUAL : STAGES.filter(stage => stage === question.stage);
  if (stages.length === 0) return refused('stage', `there is no stage ${question.stage}: ${STAGES.join(', ')}`);
  const explanations = stages.map(stage =>
    explainReply(stage, reply, { ...speaker, schedule: settings.POSTERN_RETRY }),
  );
  return { kind: 'explained', explanations };
}

/** Lines as they came, or as a log has them: `550-5.1.1 The account … 550 5.1.1 does not exist`. */
function readReply(said: string): Reply | Refusal {
  const lines = said.split(/\r?\n/).filter(line => line.trim() !== '');
  const code = Number(/^([45]\d\d)(?=[ -]|$)/.exec(lines[0] ?? '')?.[1]);
  if (!code) return refused('reply', `${said} is no refusal: it begins with 4 or 5, as in '550 5.1.1 User unknown'`);
  const again = new RegExp(` ${code}[ -](?=[45]\\.)`, 'g');
  const texts = lines.map(line => line.slice(4).replace(again, '\n').split('\n'));
  return parseReplyLines(code, texts.flat());
}

function readSpeaker(
  { upstream, provider }: ReplyQuestion,
  { POSTERN_UPSTREAMS }: Pick<Settings, 'POSTERN_UPSTREAMS'>,
): Speaker | Refusal {
  if (provider !== undefined) {
    const known = PROVIDERS.find(one => one === provider);
    if (!known) return refused('provider', `there is no provider ${provider}: ${PROVIDERS.join(', ')}`);
    return { provider: known, isOwnHost: false };
  }
  if (upstream === undefined) return { provider: null, isOwnHost: false };
  const found = (POSTERN_UPSTREAMS ?? []).find(({ name }) => name === upstream);
  if (!found) return refused('upstream', `there is no upstream ${upstream}`);
  return { provider: found.kind === 'smtp' ? providerOfHost(found.host) : null, isOwnHost: found.kind === 'mx' };
}
