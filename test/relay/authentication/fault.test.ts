// mailauth has faults like everybody: what it throws becomes a fact and a line in the log, never an unanswered message.
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { MESSAGE, startExaminer, stranger, type TestExaminer } from '../../support/examiner.ts';

vi.mock('mailauth/lib/dkim/verify.js', () => ({
  dkimVerify: async () => {
    throw new TypeError('not a function');
  },
}));
vi.mock('mailauth/lib/spf/index.js', () => ({
  spf: async () => {
    throw new RangeError('too deep');
  },
}));

let examiner: TestExaminer;
beforeAll(async () => {
  examiner = await startExaminer({ '_dmarc.x.example': { TXT: ['v=DMARC1; p=reject'] } });
});
afterAll(() => examiner.stop());

it('a message that mailauth throws on has no verdict for good', async () => {
  const facts = await examiner.examine(`DKIM-Signature: d=x.example\r\n${MESSAGE}`, stranger('198.51.100.1'));
  expect(facts).toMatchObject({
    dkim: [{ domain: '?', result: 'permerror', reason: 'not understood', aligned: false }],
    spf: { domain: 'b.x.example', result: 'permerror' },
    dmarc: { domain: 'x.example', result: 'fail' },
  });
  expect(examiner.logged.map(line => JSON.parse(line))).toMatchObject([
    {
      level: 'warn',
      event: 'authentication-fault',
      remoteAddress: '198.51.100.1',
      err: { message: expect.any(String) },
    },
    { level: 'warn', event: 'authentication-fault', err: { message: expect.any(String) } },
  ]);
});
