// What people type: shown below the options of `--help`, each with what it is for.
import type { Command } from 'commander';

type Example = readonly [line: string, what: string];

/** By command, without `postern` in front. */
export const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  send: [
    ['send --to friend@example.net', 'is it taken?'],
    ['send --to friend@example.net --user shop --password pt_…', 'as that app'],
  ],
  'credential add': [
    ['credential add shop --from example.com', 'may send as anybody @example.com'],
    ['credential add press --from news@example.com --over-quota hold', 'as one address only'],
    ['credential add printers --network 10.1.0.0/16 --from example.com', 'no login from there'],
    ['credential add staging --mode capture', 'keeps its mail, sends none'],
  ],
  'credential set': [
    ['credential set shop --over-quota reject --on-suppressed reject', 'its apps hear of both at once'],
    ['credential set shop --authentication enforce', 'refuse what receivers would refuse'],
    ['credential set office --dsn always', 'people, who want their failures by mail'],
    ['credential set printers --network none', 'everybody logs in again'],
  ],
  'token add': [
    ['token add terraform --expires 90d', 'for a program that changes things'],
    ['token add monitoring --read-only', 'for one that only looks'],
  ],
  'domain add': [
    ['domain add example.com', 'records for a web panel'],
    ['domain add example.com --zone >> example.com.zone', 'for a zone file'],
  ],
  'domain dkim': [
    ['domain dkim example.com --rotate', 'new keys, which sign once they were published'],
    ['domain dkim example.com --rotate --now', 'after a leak: they sign at once'],
  ],
  'domain check': [
    ['domain check', 'all of them; exit 0 only when all is well'],
    ['domain check example.com --zone', 'just what is to be published'],
  ],
  explain: [
    ['explain --from you@example.com --to friend@example.net --credential shop', 'would it be taken, and arrive?'],
    ["explain --from you@example.com --to x@example.net --header 'X-PM-Tag: hi'", 'with control fields'],
    ['explain --from you@example.com --to x@example.net --message mail.eml', 'a whole message'],
    ['explain --from you@example.com --to x@example.net --without-login-from 10.1.2.3', 'by a trusted network'],
  ],
  'message find': [
    ['message find --to friend@example.net', 'where is the mail to x?'],
    ["message find --to '*@example.net' --state failed --since 1d", 'what did a domain refuse?'],
    ['message find --metadata order=1042', 'by what the app said about it'],
  ],
  'message hold': [['message hold --tag newsletter --yes', 'stop a mailing that is under way']],
  'message release': [["message release --to '*@example.com' --yes", 'send what was held for them']],
  'message cancel': [['message cancel --tag newsletter --state held --yes', 'for good']],
  'message retry': [["message retry --to '*@example.com' --state failed --yes", 'after they mended their server']],
  'event list': [
    ["event list --topic 'domain:*' --since 7d", 'what became of the DNS'],
    ["event list --topic 'quota:*'", 'who came near a limit'],
    ["event list --topic 'route:*' --since 7d", 'when mail ran on a fallback, for how long, and how much'],
    ['event list --message 01KAR2Z4X0FQ3ZC4M8Y5T6V7W8', 'all that happened to one message'],
  ],
  'upstream open': [
    ["upstream open ses --for 2h --reason 'moving to a new address'", 'no mail goes there meanwhile'],
    ['upstream open ses', 'until `upstream close ses`'],
  ],
  'upstream close': [['upstream close ses', 'the account is mended: do not wait for the next look']],
  'quota set': [
    ['quota set --credential shop --messages 5 --per minute', 'one app'],
    ['quota set --stream bulk --recipient-domain gmail.com --recipients 500 --per 15m', 'one receiver'],
    ['quota set --tenant default --recipients 10000 --per day', 'all of a tenant together'],
    ['quota set --credential newsletter --at-once 4', 'the other connections are for others'],
  ],
  'route set': [
    ["route set bulk --stream bulk --to 'mailgun*3 + ses, postmark'", 'three in four through mailgun'],
    ["route set codes --tag otp --to 'postmark, ses' --before bulk", 'asked before the other'],
    ["route set microsoft --recipient-domain outlook.com '*.outlook.com' --to own-mx", 'by where it goes'],
  ],
  'route test': [['route test --from shop@example.com --to friend@example.net --stream bulk', 'which rule holds?']],
  'suppression add': [
    ["suppression add gone@example.net --evidence 'ticket 4711'", 'until it is lifted'],
    ['suppression add gone@example.net --reason hard-bounce --for 90d', 'tried out after that'],
  ],
  'suppression policy set': [
    ['suppression policy set --stream bulk --strikes 2 --hard-for 365d', 'newsletters give up sooner'],
    ['suppression policy set --tenant shop --stream transactional --hard-for never', 'always try again'],
  ],
  'suppression import': [
    ['suppression import list.csv --reason unsubscribe', 'of the provider that you come from'],
    ['suppression import - < addresses.txt', 'one address a line'],
  ],
};

export function addExamples(program: Command): void {
  for (const command of everyCommand(program)) {
    const examples = EXAMPLES[pathOf(command)] ?? [];
    const lines = examples.map(([line, what]) => `  # ${what}\n  npx postern ${line}`);
    if (lines.length > 0) command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
  }
}

export function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

/** `quota set`. */
export function pathOf(command: Command): string {
  const above = command.parent ? pathOf(command.parent) : '';
  return command.parent ? `${above} ${command.name()}`.trim() : '';
}
