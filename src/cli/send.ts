// `postern send`: a test message, submitted over SMTP like an app's, with a credential that lives as long as the command.
import type { Command } from 'commander';
import { createTransport } from 'nodemailer';
import { newId } from '../platform/id.ts';
import { hashToken, newToken } from '../platform/secret.ts';
import type { Settings } from '../platform/settings.ts';
import { addCredential, removeCredential } from '../store/credentials.ts';
import { Failure, printJson, type Store, withStore } from './context.ts';

type SendOptions = {
  from: string;
  to: string[];
  subject: string;
  text: string;
  user?: string;
  password?: string;
  json?: boolean;
};

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
    .action((options: SendOptions) =>
      withStore(async (store, settings) => {
        const response = await send(store, settings, options);
        const messageId = /queued as (\w+)/.exec(response)?.[1] ?? null;
        if (options.json) printJson({ messageId, response });
        else console.log(`${response}\n\nnpx postern message show ${messageId}`);
      }),
    );
}

async function send(store: Store, settings: Settings, options: SendOptions): Promise<string> {
  const login = options.user ? { user: options.user, pass: options.password ?? '' } : await passingLogin(store);
  const port = settings.POSTERN_SMTP_PORT ?? settings.POSTERN_SMTPS_PORT ?? 2525;
  const transport = createTransport({
    host: settings.POSTERN_HOST,
    port,
    secure: settings.POSTERN_SMTP_PORT === null,
    auth: login,
    // Our own gateway, on this machine, with the certificate that it made itself.
    tls: { rejectUnauthorized: false },
  });
  try {
    const { from, to, subject, text } = options;
    const sent = await transport.sendMail({ from, to, subject, text, disableFileAccess: true, disableUrlAccess: true });
    return sent.response;
  } catch (error) {
    throw new Failure(`the gateway at ${settings.POSTERN_HOST}:${port} did not take it: ${(error as Error).message}`);
  } finally {
    transport.close();
    if (!options.user) await removeCredential(store.db, login.user);
  }
}

async function passingLogin({ db }: Store): Promise<{ user: string; pass: string }> {
  const credentialId = newId(Date.now());
  const user = `postern-send-${credentialId.toLowerCase()}`;
  const pass = newToken();
  await addCredential(db, { credentialId, tenantId: 'default', name: user, secretHash: hashToken(pass) });
  return { user, pass };
}
