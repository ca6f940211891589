// `postern explain`: what would be said to a message, and why; nothing is sent. With --reply: explain-reply.ts.
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Command } from 'commander';
import type { Kysely } from 'kysely';
import { createExplainer, createTrustedNetworks, identityOf } from '../../relay/index.ts';
import { type Address, addressKey, parseMailbox } from '../mail/address.ts';
import type { Identity, Submission } from '../mail/submission.ts';
import { systemClock } from '../platform/clock.ts';
import type { Logger } from '../platform/log.ts';
import { createMetrics } from '../platform/metrics.ts';
import { isIn, parseAddress, parseNetwork } from '../platform/networks.ts';
import { defaultMode, type Settings } from '../platform/settings.ts';
import { type Credential, findCredential, listCredentials, listTrustedCredentials } from '../store/credentials.ts';
import type { Database } from '../store/schema.ts';
import { Failure, printJson, type Store, UsageError, withStore } from './context.ts';
import { explainReplies, type ReplyOptions } from './explain-reply.ts';
import { printExplanation } from './explanation.ts';
import { warnOfOtherSettings } from './goes-by.ts';

type Options = ReplyOptions & {
  from?: string;
  to?: string[];
  credential?: string;
  headerFrom?: string;
  header?: string[];
  message?: string;
  withoutLoginFrom?: string;
};

/** What has no default for a message. */
type MessageOptions = Options & { from: string; to: string[] };

export function registerExplain(program: Command): void {
  program
    .command('explain')
    .description('what would be said to a message, and why; sends nothing; exit 1 when it would be refused')
    .option('--reply <reply>', "instead what an upstream's reply means, and what follows: '550 5.1.1 User unknown'")
    .option('--stage <stage>', 'with --reply: what was answered (default: mail, rcpt, data and final)')
    .option('--upstream <name>', 'with --reply: of this upstream')
    .option('--provider <provider>', 'with --reply: of this provider, such as ses')
    .option('--from <address>', 'envelope sender, <> for none')
    .option('--to <address...>', 'recipients')
    .option('--credential <name>', 'who sends it (default: the one of that network, or the only one there is)')
    .option('--header-from <field>', 'the From field (default: the envelope sender)')
    .option('--header <field...>', 'more header fields, each as `Name: value`')
    .option('--message <file>', 'a whole message instead of such fields')
    .option('--without-login-from <address>', 'as from this client address, by its network instead of a login')
    .option('--json', 'print JSON')
    .action(explain);
}

async function explain(options: Options): Promise<void> {
  const { reply, from, to } = options;
  if (reply !== undefined) return explainReplies(reply, options);
  if (from === undefined || to === undefined) {
    throw new UsageError("say what about: --from ADDRESS --to ADDRESS, or --reply '550 5.1.1 User unknown'");
  }
  return explainMessage({ ...options, from, to });
}

async function explainMessage(options: MessageOptions): Promise<void> {
  const { withoutLoginFrom: client } = options;
  if (client !== undefined && parseAddress(client) === null)
    throw new UsageError(`${client} is no address (example: --without-login-from 10.1.2.3)`);
  const { explanation, identity } = await withStore(async (store, settings, log) => {
    const submission = await readSubmission(options, await findSender(store, settings, log, options));
    const explainer = createExplainer({
      ...{ ...store, settings, log, clock: systemClock, metrics: createMetrics(async () => 0) },
      hostname: settings.POSTERN_HOSTNAME ?? hostname(),
    });
    await warnOfOtherSettings(store.pool, settings);
    await explainer.start();
    const explained = await explainer.explain(submission).finally(() => explainer.stop());
    return { explanation: explained, identity: submission.identity };
  });
  if (options.json) printJson(explanation);
  else printExplanation(explanation, identity, options.from);
  if (explanation.answer.reply.code >= 400) process.exitCode = 1;
}

async function findSender({ db }: Store, settings: Settings, log: Logger, options: Options): Promise<Identity> {
  const { credential: name, withoutLoginFrom: client } = options;
  const mode = defaultMode(settings);
  if (name === undefined && client !== undefined) {
    // Asked as the listener asks: of several credentials with such a network it takes one.
    const list = () => listTrustedCredentials(db);
    const trusted = createTrustedNetworks({
      list,
      noteUse: () => undefined,
      defaultMode: mode,
      clock: systemClock,
      log,
    });
    const identity = await trusted(client);
    if (identity) return identity;
  }
  const credential = name === undefined ? await findOnly(db, client) : await findNamed(db, name);
  if (client !== undefined) assertTrusted(credential, client);
  return identityOf(credential, mode);
}

async function findNamed(db: Kysely<Database>, name: string): Promise<Credential> {
  const credential = await findCredential(db, name);
  if (!credential) throw new Failure(`there is no credential ${name} (\`npx postern credential list\`)`);
  return credential;
}

async function findOnly(db: Kysely<Database>, client: string | undefined): Promise<Credential> {
  const [only, ...others] = await listCredentials(db);
  if (!only) throw new Failure('there is no credential yet (`npx postern credential add` makes one)');
  if (others.length === 0) return only;
  if (client !== undefined) throw noLogin(client, 'no credential has that network', 'NAME');
  const names = [only, ...others].map(credential => credential.name).join(', ');
  throw new Failure(`there are several credentials: say whose mail it is with --credential (${names})`);
}

/** From anywhere else, nothing would be asked but a login. */
function assertTrusted({ name, networks }: Credential, client: string): void {
  const address = parseAddress(client);
  if (address !== null && networks.some(network => isIn(parseNetwork(network), address))) return;
  const known = networks.length === 0 ? 'no networks' : networks.join(', ');
  throw noLogin(client, `credential ${name} has ${known}`, name);
}

function noLogin(client: string, because: string, name: string): Failure {
  return new Failure(
    `${client} would get 530 5.7.0 Authentication required: ${because} ` +
      `(\`npx postern credential set ${name} --network ${client}\` adds it)`,
  );
}

async function readSubmission(options: MessageOptions, identity: Identity): Promise<Submission> {
  const { from, to, withoutLoginFrom } = options;
  const reversePath = from === '' || from === '<>' ? null : readAddress(from);
  const recipients = new Map(to.map(text => [addressKey(text), readAddress(text)]));
  return {
    identity,
    envelope: {
      reversePath,
      recipients: [...recipients.values()].map(address => ({ address, notify: null, orcpt: null })),
      ...{ ret: null, envid: null, body: '8BITMIME', smtpUtf8: true },
    },
    content: options.message === undefined ? writeContent(options) : await readContent(options.message),
    session: {
      remoteAddress: withoutLoginFrom ?? '127.0.0.1',
      clientName: 'localhost',
      protocol: withoutLoginFrom === undefined ? 'ESMTPSA' : 'ESMTPS',
      authenticated: withoutLoginFrom === undefined,
    },
    stream: 'transactional',
  };
}

function readAddress(text: string): Address {
  const address = parseMailbox(text, { smtpUtf8: true });
  if (typeof address !== 'string') throw new UsageError(`${text} is no address (example: someone@example.com)`);
  return address;
}

function writeContent({ from, headerFrom, to, header = [] }: MessageOptions): Buffer {
  const odd = header.find(field => !/^[!-9;-~]+:[^\r\n]*$/.test(field));
  if (odd !== undefined) throw new UsageError(`${odd} is no header field (example: --header 'X-Postern-Tag: welcome')`);
  const author = headerFrom ?? (from === '<>' ? '' : from);
  const fields = [author && `From: ${author}`, `To: ${to.join(', ')}`, 'Subject: explain', ...header].filter(Boolean);
  return Buffer.from(`${fields.join('\r\n')}\r\n\r\n`);
}

/** With the line ends that it would have on the wire. */
async function readContent(path: string): Promise<Buffer> {
  const bytes = await readFile(path).catch(error => {
    throw new Failure(`${path} cannot be read: ${error.message}`);
  });
  return Buffer.from(bytes.toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1');
}
