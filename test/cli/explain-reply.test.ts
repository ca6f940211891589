// `postern explain --reply`, as people run it: no database is needed.
import { describe, expect, it } from 'vitest';
import { postern } from '../support/command-line.ts';

const environment = {
  POSTERN_UPSTREAMS: 'smtp://email-smtp.eu-west-1.amazonaws.com:587?name=main,mx://?name=direct',
  POSTERN_RETRY: '1m,5m*',
};
const explain = (...args: string[]) => postern(environment, 'explain', ...args);

describe('explain --reply', () => {
  it('prints the rule, what follows, where it was seen and an example', async () => {
    const { code, stdout } = await explain('--reply', '454 Throttling failure: Daily message quota exceeded');
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        'At           mail, rcpt, data, final',
        'Fault        upstream, by the rule ses-daily-quota',
        'Then         next upstream',
        'At the last  retry in 1m',
        'Circuit      opens at once',
        'As in        454 Throttling failure: Daily message quota exceeded  (final)',
        'Source       https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-smtp.html',
        '\n',
      ].join('\n'),
    );
  });

  it('tells stages apart where they differ, and reads a reply as a log has it', async () => {
    const said =
      '550-5.1.1 The email account that you tried to reach does not exist. Please try 550-5.1.1 double-checking it';
    const { stdout } = await explain('--reply', said);
    expect(stdout).toMatch(/^At +mail\nFault +sender, by the rule mail-refused\n/);
    expect(stdout).toMatch(/\nAt +rcpt, data, final\nFault +recipient, by the rule no-such-user\nThen +failed\n/);
  });

  it('says when less will go there for a while', async () => {
    const { stdout } = await explain('--reply', '454 Throttling failure: Maximum sending rate exceeded');
    expect(stdout).toMatch(/\nPace +is halved, and recovers within ten minutes\n/);
  });

  it('says for how long a reply asks', async () => {
    const { stdout } = await explain(
      '--reply',
      '450 4.2.0 <a@x.example>: Greylisted for 300 seconds',
      '--stage',
      'rcpt',
    );
    expect(stdout).toMatch(/Then +retry in 5m 15s as told\n(?:.*\n)*It asks for +5m\n/);
  });

  it.each([
    [['--upstream', 'main'], 'ses-service-failure'],
    [['--provider', 'ses'], 'ses-service-failure'],
    [['--provider', 'google'], 'unknown-at-content'],
    [[], 'unknown-at-content'],
  ])('knows whose words they are: %s', async (args, rule) => {
    const { stdout } = await explain('--reply', '454 Temporary service failure', '--stage', 'final', '--json', ...args);
    expect(JSON.parse(stdout)).toMatchObject({ stage: 'final', rule });
  });

  it.each([
    ['main', '521 5.3.2 Server does not accept mail', 'upstream', 'next upstream'],
    ['direct', '521 5.3.2 Server does not accept mail', 'recipient', 'failed'],
    ['main', '550 5.7.1 Relaying denied', 'upstream', 'next upstream'],
    ['direct', '550 5.7.1 Relaying denied', 'recipient', 'failed'],
    ['direct', '450 4.3.0 Mail system error', 'network', 'next upstream'],
  ])("knows a domain's own host from a smart host: %s, %s", async (upstream, said, fault, then) => {
    const { stdout } = await explain('--reply', said, '--stage', 'rcpt', '--upstream', upstream);
    expect(stdout).toMatch(new RegExp(`^At +rcpt\nFault +${fault}, by the rule \\S+\nThen +${then}\n`));
  });

  it.each([
    [['--reply', '250 ok'], 1, /^postern: 250 ok is no refusal/],
    [['--reply', 'nonsense'], 1, /^postern: nonsense is no refusal/],
    [['--reply', '550 no', '--stage', 'lunch'], 1, /^postern: there is no stage lunch: connect, tls, /],
    [['--reply', '550 no', '--provider', 'acme'], 1, /^postern: there is no provider acme: ses, /],
    [['--reply', '550 no', '--upstream', 'other'], 1, /^postern: there is no upstream other/],
    [['--from', 'a@x.example'], 2, /^postern: say what about/],
  ])('refuses %s', async (args, code, message) => {
    expect(await explain(...args)).toMatchObject({ code, stderr: expect.stringMatching(message) });
  });
});
