/**
 * X6: a numbered list of errors, one sentence each.
 * Sample:
 *     SMTP Server <mx.example.org> rejected recipient <joe@example.org> (Error following RCPT command). It responded as follows: [550 …]
 */
import type { BlockFamily } from '../blocks.ts';

export const errorList: BlockFamily = {
  name: 'error-list',
  marks: ['error(s):', 'had trouble delivering your message'],
  recipients: [
    'smtp server {text} rejected recipient {addr} {text}',
    'smtp server {text} rejected recipient {addr}{text}',
    'the following recipients returned permanent errors: {addr}.{text}',
    'the following recipients returned permanent errors: {addr}{text}',
    '{text} recipients returned {text} errors: {addr}{text}',
  ],
  reason: 'through-blanks',
  until: ['the attachment contains', 'please verify'],
};
