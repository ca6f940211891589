import { describe, expect, it } from 'vitest';
import { judge, type SubmissionFacts } from '../../relay/policy.ts';

const FINE: SubmissionFacts = {
  size: 10_000,
  maxSize: 25_000_000,
  mode: 'live',
  hops: 1,
  ownHops: 0,
  headerFields: 20,
  headerBytes: 2_000,
  authorObjection: null,
  controlObjection: null,
};

describe('the policy', () => {
  const table: [string, Partial<SubmissionFacts>, string][] = [
    ['ordinary mail', {}, 'accept'],
    ['exactly the largest size', { size: 25_000_000 }, 'accept'],
    ['one byte more', { size: 25_000_001 }, '552 5.3.4 message-too-large'],
    ['1,000 header fields', { headerFields: 1_000 }, 'accept'],
    ['1,001 header fields', { headerFields: 1_001 }, '552 5.3.4 header-too-large'],
    ['256 KiB of header', { headerBytes: 262_144 }, 'accept'],
    ['a byte more', { headerBytes: 262_145 }, '552 5.3.4 header-too-large'],
    ['50 hops', { hops: 50 }, 'accept'],
    ['51 hops (RFC 5321 section 6.3)', { hops: 51 }, '554 5.4.6 mail-loop'],
    ['5 times through us', { hops: 5, ownHops: 5 }, 'accept'],
    ['6 times through us', { hops: 6, ownHops: 6 }, '554 5.4.6 mail-loop'],
    ['a From of somebody else', { authorObjection: 'From <x@y.example> …' }, '550 5.7.1 author-not-authorised'],
    [
      'a control header that means nothing',
      { controlObjection: 'X-Postern-…' },
      '550 5.6.0 control-header-not-understood',
    ],
    ['too large and looping: the first objection', { size: 25_000_001, hops: 51 }, '552 5.3.4 message-too-large'],
  ];

  it.each(table)('%s', (_name, changes, expected) => {
    const verdict = judge({ ...FINE, ...changes });
    const said =
      verdict.kind === 'accept' ? 'accept' : `${verdict.reply.code} ${verdict.reply.enhanced} ${verdict.rule}`;
    expect(said).toBe(expected);
  });

  it('keeps the mode of who is sending', () => {
    expect(judge({ ...FINE, mode: 'capture' })).toEqual({ kind: 'accept', mode: 'capture' });
  });
});
