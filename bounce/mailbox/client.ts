// A connection to a bounce mailbox, with everything bounded: what a hostile or broken server can make us hold, and how
// long it can keep us waiting. imapflow's own limits are a gigabyte and five minutes.
import { readFile } from 'node:fs/promises';
import { isIP, type LookupFunction } from 'node:net';
import { ImapFlow } from 'imapflow';
import type { MailboxSettings } from '../../src/platform/mailbox-url.ts';

/** Larger mail is left where it is: a report says what it has to say in its first kilobytes. */
export const MAX_MESSAGE_BYTES = 32_000_000;
const MAX_LITERAL_BYTES = MAX_MESSAGE_BYTES + 1_000_000;
/** A SEARCH names all new messages in one line: room for a million and a half. */
const MAX_LINE_BYTES = 16_000_000;

export type ClientOptions = {
  readonly settings: MailboxSettings;
  /** undefined = the system's own way. */
  readonly lookup: LookupFunction | undefined;
  /** Longest silence of the server. */
  readonly timeoutMs: number;
};

/** Connected and logged in. Rejects with an error that says what is wrong and holds no secret. */
export async function connectMailbox(options: ClientOptions, signal: AbortSignal): Promise<ImapFlow> {
  signal.throwIfAborted();
  const client = await createClient(options);
  // Without a listener an error would end the process; every command that is under way rejects with it as well.
  client.on('error', () => undefined);
  const abort = () => client.close();
  signal.addEventListener('abort', abort, { once: true });
  try {
    await within(client, options.timeoutMs, 'connecting', () => client.connect());
    return client;
  } catch (error) {
    client.close();
    throw new Error(describeImapError(error, options.settings), { cause: error });
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

async function createClient({ settings, lookup, timeoutMs }: ClientOptions): Promise<ImapFlow> {
  const { host, port, user, login, tls, verifyCertificate } = settings;
  const address = lookup && !isIP(host) ? await resolve(host, lookup) : host;
  return new ImapFlow({
    ...{ host: address, port, secure: tls === 'implicit', doSTARTTLS: tls === 'starttls' },
    ...(isIP(host) ? {} : { servername: host }),
    tls: { rejectUnauthorized: verifyCertificate, minVersion: 'TLSv1.2' },
    auth:
      login.kind === 'password'
        ? { user, pass: login.password }
        : { user, accessToken: (await readFile(login.tokenFile, 'utf8')).trim() },
    logger: false,
    // What it saves on text is not worth a decompressor that a server can feed.
    ...{ disableCompression: true, maxLiteralSize: MAX_LITERAL_BYTES, maxLineLength: MAX_LINE_BYTES },
    ...{ maxResponseSize: MAX_LITERAL_BYTES + MAX_LINE_BYTES, maxResponseTokens: 100_000 },
    ...{ connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs },
    ...{ autoIdleDelay: 500, maxIdleTime: Math.min(settings.everyMs, timeoutMs / 2) },
  });
}

function resolve(host: string, lookup: LookupFunction): Promise<string> {
  return new Promise((found, failed) =>
    lookup(host, {}, (error, address) => (error ? failed(error) : found(address as string))),
  );
}

/**
 * Ends the connection, and so the step, when it takes too long: a server that keeps saying something meaningless is not
 * silent, and would otherwise hold us for ever.
 */
export async function within<T>(client: ImapFlow, timeoutMs: number, what: string, step: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${what} took longer than ${timeoutMs / 1_000} s`));
      client.close();
    }, timeoutMs);
  });
  try {
    return await Promise.race([step(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** One line for people: the server's words where it said any, without the secret should it repeat it. */
export function describeImapError(error: unknown, { login }: MailboxSettings): string {
  const { message, responseText, authenticationFailed } = error as Error & {
    responseText?: string;
    authenticationFailed?: boolean;
  };
  const text = authenticationFailed
    ? `login refused${responseText ? `: ${responseText}` : ''}`
    : [message, responseText].filter(Boolean).join(': ');
  const secret = login.kind === 'password' ? login.password : '';
  return (secret ? text.replaceAll(secret, '…') : text).replace(/[\u0000-\u001f\u007f]/g, ' ').slice(0, 500);
}
