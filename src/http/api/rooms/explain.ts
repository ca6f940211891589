// /api/v1/explain: what would follow, and why; nothing is sent and nothing changed (docs/faults.md).
import { z } from 'zod';
import { explainReplies, type ReplyExplanation, STAGES } from '../../../../relay/index.ts';
import { PROVIDERS } from '../../../mail/provider.ts';
import { json, problems } from '../answers.ts';
import { problemOf } from '../problems.ts';
import type { Api, Desk } from '../room.ts';
import { upstreamNames, whichThereAre } from '../upstream-names.ts';

const explanation = z
  .object({
    stage: z.enum(STAGES),
    scope: z
      .enum(['recipient', 'message', 'sender', 'upstream', 'network'])
      .meta({ description: 'Who is at fault; decides what follows.' }),
    rule: z.string().meta({ description: 'The row of the table of faults.' }),
    source: z.string(),
    example: z.tuple([z.string(), z.string()]).meta({ description: 'The stage and the reply that the row is for.' }),
    opens: z.boolean().meta({ description: "The upstream's circuit opens at once." }),
    slows: z.boolean().meta({ description: 'Less goes there for a while.' }),
    retryAfterMs: z.number().nullable().meta({ description: 'How long the reply asks to wait.' }),
    whileOthersAreLeft: z.string().meta({ description: 'What follows while the route has another upstream.' }),
    atTheLast: z.string().meta({ description: 'What follows at the last upstream of the route.' }),
  })
  .meta({ id: 'ReplyExplanation' });

export function addExplain(app: Api, { settings }: Desk): void {
  const isRefusal = (reply: string) => explainReplies({ reply }, settings()).kind === 'explained';

  app.get('/explain/reply', {
    schema: {
      tags: ['explain'],
      operationId: 'explainReply',
      summary: "Who is at fault by an upstream's reply, and what follows",
      querystring: z.strictObject({
        reply: z
          .string()
          .max(4_000)
          .refine(isRefusal, 'is no refusal: it begins with 4 or 5, as in 550 5.1.1 User unknown')
          .meta({ description: 'As it was said, or as a log has it.', examples: ['550 5.1.1 User unknown'] }),
        stage: z.enum(STAGES).optional().meta({ description: 'Where it was said; without it, the usual ones.' }),
        upstream: z
          .string()
          .refine(name => upstreamNames(settings()).includes(name), {
            error: () => `is no upstream: ${whichThereAre(settings())}`,
          })
          .optional()
          .meta({ description: 'Whose words they are: an upstream of ours.' }),
        provider: z.enum(PROVIDERS).optional().meta({ description: 'Whose words they are.' }),
      }),
      response: {
        200: json('One for each stage.', z.object({ items: z.array(explanation) })),
        ...problems(422),
      },
    },
    handler: async ({ query }) => {
      const outcome = explainReplies(query, settings());
      if (outcome.kind === 'refused') throw problemOf(outcome, 'query');
      return { items: outcome.explanations.map(written) };
    },
  });
}

function written({ example: [stage, reply], ...rest }: ReplyExplanation): z.input<typeof explanation> {
  return { ...rest, example: [stage, reply] };
}
