// Two judges hear a refusal: relay/faults/ says what becomes of the mail, bounce/ what becomes of the address. They must
// not contradict each other.
import { describe, expect, it } from 'vitest';
import { classifyBounce } from '../../bounce/classify.ts';
import { FAULTS } from '../../bounce/suppress.ts';
import { judgeReply } from '../../relay/faults/judge.ts';
import { judgedAsOwnHost } from '../../relay/faults/own-host.ts';
import { replyOf } from '../relay/faults/said.ts';

/** At RCPT, in a session with a smart host. */
function heardBy(said: string) {
  const reply = replyOf(said);
  const verdict = judgeReply('rcpt', reply, null);
  const { enhanced: status, code } = reply;
  const bounce = classifyBounce({ status, replyCode: String(code), diagnostic: said, stage: 'rcpt', action: null });
  return { reply, verdict, bounce, speaksAgainst: FAULTS[bounce.reason] };
}

describe('at RCPT, both judges blame', () => {
  it.each([
    '554 5.7.1 <mail.example.com[192.0.2.1]>: Client host rejected: Access denied',
    '550 5.7.1 Your IP address has been blocked due to poor reputation',
    '553 5.3.0 <x@example.net>... Spam blocked see: http://spamcop.net/bl.shtml?192.0.2.1',
    '550 5.7.511 Access denied, banned sender[192.0.2.1].',
  ])('us and where we send from: %s', said => {
    expect(heardBy(said)).toMatchObject({ verdict: { scope: 'network' }, speaksAgainst: 'ours' });
  });

  it.each([
    '550 5.7.1 <x@example.net>: Recipient address rejected: Please see http://www.openspf.org/why.html',
    '550 Sender verify failed',
  ])('us and our sender: %s', said => {
    expect(heardBy(said)).toMatchObject({ verdict: { scope: 'sender' }, speaksAgainst: 'ours' });
  });

  it('us and our message: 554 5.7.9', () => {
    const said = '554 5.7.9 Message not accepted for policy reasons';
    expect(heardBy(said)).toMatchObject({ verdict: { scope: 'message' }, speaksAgainst: 'ours' });
  });

  it.each([
    '500 5.3.0',
    '554 5.3.0 Mail system error',
    '550 5.3.2 System not accepting network messages',
    '554 5.3.5 Local configuration error',
    '500 5.5.2 Syntax error',
    '502 5.5.2 Error: command not recognized',
    '503 5.5.1 Bad sequence of commands',
  ])('the server, and not the address, be it our smart host or the domain’s own: %s', said => {
    const { reply, verdict, speaksAgainst } = heardBy(said);
    expect({ scope: verdict.scope, speaksAgainst }).toEqual({ scope: 'upstream', speaksAgainst: 'nobodys' });
    expect(judgedAsOwnHost('rcpt', reply, verdict).scope).toBe('recipient');
  });

  it('a domain that takes no mail, where its own host says so', () => {
    const { reply, verdict, speaksAgainst, bounce } = heardBy('521 5.3.2 Server does not accept mail');
    expect(judgedAsOwnHost('rcpt', reply, verdict).scope).toBe('recipient');
    expect({ speaksAgainst, kind: bounce.kind }).toEqual({ speaksAgainst: 'address', kind: 'hard' });
  });

  it.each([
    '550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; Delivery restriction check failed',
    '550 5.7.1 RESOLVER.RST.AuthRequired; authentication required',
    '550 5.7.124 Sender not in allowed-senders list',
  ])('who lets known senders in only, for which nobody is suppressed: %s', said => {
    expect(heardBy(said)).toMatchObject({ verdict: { scope: 'recipient', opens: false }, speaksAgainst: 'owner' });
  });

  it('the recipient: 550 5.1.1', () => {
    expect(heardBy('550 5.1.1 User unknown')).toMatchObject({
      verdict: { scope: 'recipient' },
      speaksAgainst: 'address',
    });
  });
});
