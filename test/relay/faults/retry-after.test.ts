import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { retryAfterMs } from '../../../relay/faults/retry-after.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

describe('the time that a reply asks for', () => {
  it.each<[string, number]>([
    ['too many messages. try again in 92 seconds.', 92 * SECOND],
    ['recipient address rejected: greylisted for 5 minutes', 5 * MINUTE],
    ['recipient address rejected: greylisted for 300 seconds (see http://www.flash.tv.br/grey)', 300 * SECOND],
    ['recipient address rejected: example.com greylisted for 60 seconds by zerospam', 60 * SECOND],
    ['greylisting in action, please come back in 00:02:00 [minutes]', 2 * MINUTE],
    ['domains are limited to 100 messages / hour. account will be enabled in 341 seconds', 341 * SECOND],
    ['quota of 5 messages a minute (credential app) is used up, retry after 488 s', 488 * SECOND],
    ['greylisted, please try again in 5 minutes', 5 * MINUTE],
    ['retry in 30s', 30 * SECOND],
    ['please retry in 1 hour', 60 * MINUTE],
    ['try again later, after 10 minutes', 10 * MINUTE],
    ['slow down; retry-after: 120', 120 * SECOND],
    ['retry-after:7', 7 * SECOND],
    ['please wait 15 seconds', 15 * SECOND],
    ['greylisted, wait at least 5 min.', 5 * MINUTE],
  ])('%s', (text, ms) => {
    expect(retryAfterMs(text)).toBe(ms);
  });

  it.each([
    'try again later',
    'greylisted, please try again in a few moments.',
    'message expired: unable to deliver in 840 minutes.',
    'you sent 31 messages in 60 seconds',
    'user has exceeded its 24-hour sending limit',
    'has exceeded the max emails per hour (500/500 (100%)) allowed',
    'try again in 5 messages',
    'try again in 0 seconds',
    'try again in 2 weeks',
    'try again in 1000000 seconds',
    'try again in 99999999999999 seconds',
    'come back in 5:00',
    'come back in 25:61:61:00',
    'retry. see https://example.com/in/5/minutes',
    'retried 4 times; the mailbox has been full for 5 minutes',
    'temporarily rate limited (4.7.28) in 30 countries',
  ])('is not there: %s', text => {
    expect(retryAfterMs(text)).toBeNull();
  });

  it('is null or a whole number of milliseconds up to a day, for any text', () => {
    const word = fc.constantFrom(
      'retry',
      'again',
      'in',
      'for',
      'wait',
      'retry-after:',
      '5',
      '0',
      '99:99:99',
      's',
      'min',
      '1e9s',
      '٣',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(word).map(words => words.join(' ')),
        ),
        text => {
          const ms = retryAfterMs(text);
          return ms === null || (Number.isInteger(ms) && ms > 0 && ms <= 86_400_000 + 99 * 3_600_000);
        },
      ),
    );
  });
});
