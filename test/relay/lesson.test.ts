// What an attempt tells about the upstream itself.
import { describe, expect, it } from 'vitest';
import { lessonOf } from '../../relay/dispatch/lesson.ts';
import { judgeReply } from '../../relay/faults/judge.ts';
import type { AttemptResult, Stage } from '../../src/mail/upstream.ts';
import { replyOf } from './faults/said.ts';

const refused = (stage: Stage, said: string): AttemptResult => ({
  ...{ kind: 'refused', stage, reply: replyOf(said) },
  ...judgeReply(stage, replyOf(said), null),
});
const accepted: AttemptResult = { kind: 'accepted', reply: replyOf('250 2.0.0 ok') };

describe('an attempt teaches', () => {
  it.each<[string, AttemptResult[], object | null]>([
    ['that it is well', [accepted], { kind: 'well' }],
    ['that it is well, of a recipient refused', [refused('rcpt', '550 5.1.1 nobody')], { kind: 'well' }],
    ['that it is well, of a message refused', [refused('final', '554 5.6.0 content')], { kind: 'well' }],
    [
      'that it is well, of a recipient for whom it closed',
      [refused('rcpt', '421 4.7.1 Messages to a@x.example deferred due to excessive volume.')],
      { kind: 'well' },
    ],
    [
      'its trouble, of a message that it has no room for',
      [refused('mail', '452 4.3.1 Insufficient system storage')],
      { kind: 'troubled', rule: 'server-trouble' },
    ],
    [
      'its trouble, of one recipient among others',
      [accepted, refused('rcpt', '554 5.7.1 <b@x.example>: Relay access denied')],
      { kind: 'troubled', rule: 'relaying-denied' },
    ],
    [
      'that it is down, of no conversation',
      [{ kind: 'unreachable', stage: 'connect', error: 'ECONNREFUSED' }],
      { kind: 'down', cause: 'unreachable', error: 'connect: ECONNREFUSED' },
    ],
    [
      'that it is down, of a host that closes',
      [refused('final', '421 4.3.2 going down')],
      { kind: 'down', cause: 'unreachable', rule: 'host-closing' },
    ],
    ['that our login is refused', [refused('auth', '535 5.7.8 no')], { kind: 'down', cause: 'login-refused' }],
    [
      'that our account is closed',
      [refused('final', '554 Message rejected: Sending paused for this account.')],
      { kind: 'down', cause: 'account-closed', rule: 'ses-sending-paused' },
    ],
    [
      'that our account is closed, and until when',
      [refused('auth', '535 5.7.0 Your account is on probation. Account will be enabled in 2081 seconds')],
      { kind: 'down', cause: 'account-closed', retryAfterMs: 2_081_000 },
    ],
    [
      'nothing, when it has had its messages for today',
      [{ kind: 'unreachable', stage: 'connect', error: 'warm-up: 50 of 50 messages today (day 1)' }],
      null,
    ],
    ['nothing, when we ended it', [{ kind: 'unreachable', stage: 'mail', error: 'shutting down' }], null],
  ])('%s', (_what, results, lesson) => {
    if (lesson === null) expect(lessonOf(results)).toBeNull();
    else expect(lessonOf(results)).toMatchObject(lesson);
  });
});
