/**
 * Exchange 2007 to 365, the text in front of the status part, in any language: marked by its untranslated lines.
 * Sample:
 *     Generating server: mx.example.org
 *
 *     joe@example.org
 *     #550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##
 */
import type { BlockFamily } from '../blocks.ts';

export const exchange2007: BlockFamily = {
  name: 'exchange2007',
  needs: 3,
  marks: ['generating server:', 'diagnostic information for administrators', '#550 5.', 'resolver.adr', '#< #5.', '##'],
  recipients: ['{addr}', '{addr} ({text})', '{addr} #{text}', '{text} ({addr})'],
  until: ['original message headers', 'received:'],
  reason: 'through-blanks',
};
