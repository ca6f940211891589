import { describe, expect, test } from 'vitest';
import { allRules, classifyBounce } from '../../bounce/classify.ts';
import { stageOf } from '../../bounce/report/recipient.ts';
import { findReplyCodes } from '../../bounce/report/reply-code.ts';
import { PhraseMatcher } from '../../bounce/rules/phrase-matcher.ts';
import { plainWords } from '../../bounce/rules/plain-words.ts';

/** As a relay would ask about a reply in its session. */
const judge = (reply: string): string => {
  const { reason, kind } = classifyBounce({ ...findReplyCodes(reply), diagnostic: reply });
  return `${reason} ${kind}`;
};

describe('5xx is not hard: the words decide', () => {
  test.each([
    ['550 5.1.1 <a@b.c>: Recipient address rejected: User unknown in local recipient table', 'no_mailbox hard'],
    ['550-5.1.1 The email account that you tried to reach does 550-5.1.1 not exist', 'no_mailbox hard'],
    ['550 5.4.1 Recipient address rejected: Access denied', 'no_mailbox hard'],
    ['554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org', 'reputation soft'],
    ["550-5.7.26 Unauthenticated email from x.org is not accepted due to domain's DMARC policy", 'auth_failure soft'],
    ['550 5.7.25 The IP address sending this message does not have a PTR record', 'no_ptr soft'],
    ['550 5.7.1 Message rejected as spam by Content Filtering', 'spam soft'],
    ['552 5.2.2 mailbox full', 'mailbox_full soft'],
    ['550 5.1.1 mailbox full, over quota', 'mailbox_full soft'],
    ['552 5.3.4 Message size exceeds fixed limit', 'message_too_big soft'],
    ['550 5.7.1 Relaying denied', 'relay_denied soft'],
    ['501 5.1.8 Sender address rejected: Domain not found', 'sender_rejected soft'],
    ['550 Sender verify failed: user unknown', 'sender_rejected soft'],
    ['550 5.2.1 The email account that you tried to reach is disabled', 'mailbox_disabled soft'],
    ['556 5.1.10 Recipient address has null MX', 'no_mail_service hard'],
    ['550 5.1.2 Host unknown', 'no_domain hard'],
    ['551 5.1.6 user has moved', 'moved hard'],
    ['450 4.2.0 <a@b.c>: Recipient address rejected: Greylisted', 'greylisted soft'],
    ['421 4.7.0 Too many connections from your IP', 'rate_limited soft'],
    ['450 4.1.1 <a@b.c>: User unknown in local recipient table', 'no_mailbox soft'],
    [
      '451 4.4.3 Host or domain name not found. Name service error for name=x type=MX: Host not found, try again',
      'network soft',
    ],
    ['554 5.4.6 Too many hops', 'network soft'],
    ['550 I do not like you', 'unknown soft'],
    ['554', 'unknown soft'],
    ['', 'unknown soft'],
  ])('%s → %s', (reply, verdict) => {
    expect(judge(reply)).toBe(verdict);
  });

  test.each([
    ['Postfach ist voll', 'mailbox_full soft'],
    ['550 Empfänger unbekannt', 'no_mailbox hard'],
    ["550 L'utilisateur n'existe pas", 'no_mailbox hard'],
    ['550 Usuario desconocido', 'no_mailbox hard'],
    ['550 Usuário inexistente', 'no_mailbox hard'],
    ['550 casella piena', 'mailbox_full soft'],
    ['550 gebruiker onbekend', 'no_mailbox hard'],
    ['550 Ящик переполнен', 'mailbox_full soft'],
    ['550 Пользователь не найден', 'no_mailbox hard'],
    ['550 宛先不明', 'no_mailbox hard'],
    ['550 用户不存在', 'no_mailbox hard'],
    ['550 邮箱已满', 'mailbox_full soft'],
  ])('other languages: %s → %s', (reply, verdict) => {
    expect(judge(reply)).toBe(verdict);
  });
});

describe('what is not final or not about delivery is never hard', () => {
  test.each(['delayed', 'delivered', 'relayed', 'expanded', 'complaint', 'auto-reply'] as const)(
    'action %s',
    action => {
      expect(classifyBounce({ status: '5.1.1', replyCode: '550', diagnostic: 'User unknown', action }).kind).not.toBe(
        'hard',
      );
    },
  );

  test('an authentication failure report is no complaint', () => {
    const fact = {
      status: null,
      replyCode: null,
      diagnostic: '',
      action: 'complaint',
      feedbackType: 'auth-failure',
    } as const;
    expect(classifyBounce(fact).reason).toBe('auth_failure');
  });
});

describe('the rules as data', () => {
  test('ids are unique', () => {
    expect(new Set(allRules.map(rule => rule.id)).size).toBe(allRules.length);
  });

  test.each(allRules.filter(rule => rule.words).map(rule => [rule.id, rule] as const))(
    'the sample of %s leads to its reason',
    (_, rule) => {
      const codes = findReplyCodes(rule.sample);
      expect(
        classifyBounce({ ...codes, diagnostic: rule.sample, stage: stageOf(rule.sample), action: 'failed' }).reason,
      ).toBe(rule.reason);
    },
  );

  test('every phrase is found in a text that holds it', () => {
    for (const words of allRules.flatMap(rule => rule.words ?? [])) {
      const matcher = new PhraseMatcher();
      matcher.add(words);
      const text = words.replaceAll('|', '').replaceAll('…', ' x ');
      expect([words, matcher.find(plainWords(`so ${text} there`)).size]).toEqual([words, 1]);
    }
  });
});

describe('phrases', () => {
  const holds = (phrase: string, text: string): boolean => {
    const matcher = new PhraseMatcher();
    matcher.add(phrase);
    return matcher.find(plainWords(text)).size === 1;
  };

  test('begin where a word begins', () => {
    expect([holds('ip blocked', 'IP blocked'), holds('ip blocked', 'recip blocked')]).toEqual([true, false]);
  });

  test('end where a word ends, if marked', () => {
    expect([holds('|spf|', 'SPF fail'), holds('|spf|', 'spfx fail')]).toEqual([true, false]);
  });

  test('bridge a gap, but not a long one', () => {
    expect([
      holds('user … unknown', 'user joe is unknown'),
      holds('user … unknown', `user ${'x'.repeat(100)} unknown`),
    ]).toEqual([true, false]);
  });

  test('skip addresses and repeated codes', () => {
    expect(plainWords('550-5.1.1 user <joe@example.org> does 550 5.1.1 not exist')).toBe('user does not exist');
  });
});
