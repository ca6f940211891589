// `postern send`: a test message, submitted over SMTP like an app's, with a credential that lives as long as the command.
import { Socket } from 'node:net';
import type { Command } from 'commander';
import type { Kysely } from 'kysely';
import { createTransport } from 'nodemailer';
import { parseMailbox } from '../mail/address.ts';
import { newId } from '../platform/id.ts';
import { hashToken, newToken } from '../platform/secret.ts';
import type { Settings } from '../platform/settings.ts';
import { addCredential, passingName, removeCredential, removePassingCredentials } from '../store/credentials.ts';
import type { Database } from '../store/schema.ts';
import { Failure, printJson, UsageError, withStore } from './context.ts';

type SendOptions = {
  from: string;
  to: string[];
  subject: string;
  text: string;
  user?: string;
  password?: string;
  json?: boolean;
};
type Login = { readonly user: string; readonly pass: string };
type Door = { readonly host: string; readonly port: number; readonly secure: boolean };

export function registerSend(program: Command): void {
  program
    .command('send')
    .description('submit a test message to the running gateway')
    .requiredOption('--to <address...>', 'recipients')
    .option('--from <address>', 'sender', 'postern@example.com')
    .option('--subject <text>', 'subject', 'A test message from Postern')
    .option('--text <text>', 'body', 'It works.')
    .option('--user <name>', 'log in with this credential instead of a passing one')
    .option('--password <password>', 'its password')
    .option('--json', 'print JSON')
    .action(run);
}

async function run(options: SendOptions): Promise<void> {
  assertAddress('--from', options.from);
  for (const recipient of options.to) assertAddress('--to', recipient);
  const login = readLogin(options);
  const response = await withStore(({ db }, settings) => {
    const door = doorOf(settings);
    const signal = interruption();
    const submit = (as: Login) => send(door, as, options, signal);
    return login ? submit(login) : withPassingLogin(db, submit);
  });
  const messageId = /queued as (\w+)/.exec(response)?.[1] ?? null;
  if (options.json) printJson({ messageId, response });
  else console.log(`${response}\n\nnpx postern message show ${messageId}`);
}

/** Whatever nodemailer cannot read it leaves out, and sends the rest. */
function assertAddress(option: string, text: string): void {
  if (typeof parseMailbox(text, { smtpUtf8: true }) === 'string') return;
  throw new UsageError(`${option}: ${text} is not an address (example: ${option} someone@example.com)`);
}

function readLogin({ user, password }: SendOptions): Login | null {
  if (user === undefined && password === undefined) return null;
  if (!user) throw new UsageError('--password needs --user, the name of its credential');
  if (!password) throw new UsageError(`--user needs --password, that of credential ${user}`);
  return { user, pass: password };
}

function doorOf({ POSTERN_HOST, POSTERN_SMTP_PORT, POSTERN_SMTPS_PORT }: Settings): Door {
  const port = POSTERN_SMTP_PORT ?? POSTERN_SMTPS_PORT ?? 2525;
  return { host: POSTERN_HOST, port, secure: POSTERN_SMTP_PORT === null };
}

async function send(door: Door, login: Login, options: SendOptions, signal: AbortSignal): Promise<string> {
  const { from, to, subject, text } = options;
  const transport = createTransport({
    ...door,
    auth: login,
    socket: new Socket({ signal }),
    // Our own gateway, on this machine, with the certificate that it made itself.
    tls: { rejectUnauthorized: false },
  });
  try {
    const fields = { from: { name: '', address: from }, to: to.map(address => ({ name: '', address })), subject, text };
    const safe = { disableFileAccess: true, disableUrlAccess: true };
    const sent = await transport.sendMail({ ...fields, ...safe, envelope: { from, to } });
    return sent.response;
  } catch (error) {
    signal.throwIfAborted();
    throw new Failure(`the gateway at ${door.host}:${door.port} did not take it: ${(error as Error).message}`);
  } finally {
    transport.close();
  }
}

/** With a credential that is gone afterwards, also after Ctrl-C; what a kill has left, the next one removes. */
async function withPassingLogin<T>(db: Kysely<Database>, use: (login: Login) => Promise<T>): Promise<T> {
  await removePassingCredentials(db);
  const credentialId = newId(Date.now());
  const login = { user: passingName(credentialId), pass: newToken() };
  try {
    await addCredential(db, { credentialId, tenantId: 'default', name: login.user, secretHash: hashToken(login.pass) });
    return await use(login);
  } finally {
    await removeCredential(db, login.user);
  }
}

function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM']) {
    process.once(name, () => controller.abort(new Failure(`stopped by ${name}`)));
  }
  return controller.signal;
}
