// What rules can ask, of a message that is being accepted.
import { fieldValue, type Header } from '../../src/mail/header.ts';
import type { Submission } from '../../src/mail/submission.ts';
import type { Directives } from '../control-headers/directives.ts';
import type { MessageFacts } from './match.ts';

/** As long as the From field is kept of a message. */
export const MAX_HEADER_FROM = 320;

export function messageFacts(
  { identity, stream, envelope, content }: Submission,
  header: Header,
  { tags }: Directives,
): MessageFacts {
  return {
    ...{ tenantId: identity.tenantId, credentialName: identity.credentialName, stream, tags },
    reversePath: envelope.reversePath,
    headerFrom: fieldValue(content, header, 'from', MAX_HEADER_FROM),
  };
}
