/** The returned message, as far as a report shows it: enough to tie the report to what we sent. */

import { type Header, parseHeader } from '../mime/header.ts';
import type { Message } from '../mime/walk.ts';
import { partText } from '../mime/walk.ts';
import { addressOf, findAddresses } from './address.ts';
import type { OriginalMessage } from './recipient.ts';

const returnedTypes = [
  'message/rfc822',
  'text/rfc822-headers',
  'message/global',
  'message/global-headers',
  'message/partial',
];

export function isReturnedMessage(type: string): boolean {
  return returnedTypes.includes(type);
}

/** Header of the returned message: its own part, else what stands behind the separator in the text. */
export function originalHeader(message: Message, behindSeparator: string): Header {
  const part = message.parts.find(one => isReturnedMessage(one.type));
  const text = part ? partText(message, part, 32 * 1024).trimStart() : behindSeparator.trimStart();
  return parseHeader(text, 0, text.length).header;
}

export function originalMessage(header: Header): OriginalMessage | null {
  if (header.fields.length === 0) return null;
  return {
    messageId: header.get('message-id') || null,
    returnPath: addressOf(header.get('return-path')),
    from: addressOf(header.get('from')),
    to: findAddresses(`${header.get('to')} ${header.get('cc')}`, 50),
    subject: header.has('subject') ? header.text('subject') : null,
    received: header.all('received').slice(0, 50),
  };
}
