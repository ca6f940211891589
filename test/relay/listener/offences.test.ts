import { describe, expect, it } from 'vitest';
import { Offences } from '../../../relay/listener/offences.ts';

const pricesOf = (codes: readonly number[]) => {
  const offences = new Offences();
  return codes.map(code => offences.note(code)).map(({ waits, end }) => (end ? `${waits} ${end}` : waits));
};
const times = (count: number, code: number) => Array.from({ length: count }, () => code);

describe('what a session pays', () => {
  it('for errors: five are free, each further one waits, the twentieth is the last', () => {
    expect(pricesOf(times(20, 500))).toEqual([...times(5, 0), ...times(14, 1), '1 Too many errors']);
  });

  it('for failed logins: two are free, then longer and longer, the fifth is the last', () => {
    expect(pricesOf(times(5, 535))).toEqual([0, 0, 1, 2, '3 Too many failed logins']);
  });

  it('for being throttled: as for a failed login', () => {
    expect(pricesOf([535, 454, 535, 454, 535])).toEqual([0, 0, 1, 2, '3 Too many failed logins']);
  });

  it.each([500, 501, 502, 503, 504, 530, 538, 555])('for %d as for any error', code => {
    expect(pricesOf([...times(5, 500), code])).toEqual([0, 0, 0, 0, 0, 1]);
  });

  it.each([220, 221, 235, 250, 252, 334, 354, 421, 450, 451, 452, 550, 552, 553, 554])('for %d nothing', code => {
    expect(pricesOf([...times(19, 500), ...times(30, code)]).slice(19)).toEqual(times(30, 0));
  });

  it('after a message: errors are forgiven, failed logins are not', () => {
    const offences = new Offences();
    for (const code of [...times(19, 500), ...times(4, 535)]) offences.note(code);
    offences.forgiveErrors();
    expect(offences.note(500)).toEqual({ waits: 0, end: null });
    expect(offences.note(535)).toEqual({ waits: 3, end: 'Too many failed logins' });
  });
});
