// The whole gateway in this process, on ports that the system chose, over a database of its own.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGateway } from '../../src/compose.ts';
import { loadSettings } from '../../src/platform/config.ts';
import { createLog } from '../../src/platform/log.ts';
import { cloneDatabase, openDatabase, type TestDatabase } from './database.ts';
import { eventually } from './eventually.ts';
import { SmtpClient } from './smtp-client.ts';

export type TestGateway = Awaited<ReturnType<typeof startTestGateway>>;

export const USER = 'app';
export const PASSWORD = 'app-password';

export type LogLine = { readonly level: string; readonly msg: string; readonly event?: string } & Record<
  string,
  unknown
>;

export type Delivery = {
  n: number;
  recipient: string;
  state: string;
  attempt: number;
  /** Attempts without the claims that came to nothing. */
  counted: number;
  reason: string | null;
  parked: boolean;
  pinned_upstream: string | null;
  lease_holder: string | null;
  due_in_s: number | null;
};

export type Attempt = {
  n: number;
  attempt: number;
  hop: number;
  upstream: string;
  result: string | null;
  stage: string | null;
  scope: string | null;
  smtp_code: number | null;
  enhanced_status: string | null;
  detail: string | null;
  decision: string | null;
};

/** `database` and `dataDir` of another one make this its next run; `embedded` lets it keep its own database. */
export async function startTestGateway(
  env: Record<string, string> = {},
  given: { database?: TestDatabase; dataDir?: string; embedded?: true } = {},
) {
  const prepared = given.embedded ? null : (given.database ?? (await cloneDatabase()));
  const dataDir = given.dataDir ?? (await mkdtemp(join(tmpdir(), 'gateway-')));
  const lines: LogLine[] = [];
  const settings = loadSettings({
    ...testEnvironment(dataDir),
    DATABASE_URL: prepared?.url ?? '',
    ...env,
  });
  const log = createLog('debug', { write: line => void lines.push(JSON.parse(line)) });
  const gateway = await startGateway(settings, log, new AbortController().signal);
  const database = prepared ?? openDatabase(gateway.databaseUrl);
  let stopped: Promise<void> | null = null;
  const stop = (graceMs = 5_000) => {
    stopped ??= gateway.stop(graceMs);
    return stopped;
  };
  const { rows } = database;
  return {
    ...{ gateway, settings, database, dataDir, lines, rows, stop },
    smtpPort: gateway.ports.smtp!,
    smtpsPort: gateway.ports.smtps!,
    httpPort: gateway.ports.http!,
    login: (options: Parameters<typeof SmtpClient.login>[1] = {}) => SmtpClient.login(gateway.ports.smtp!, options),
    http: (path: string) => fetch(`http://127.0.0.1:${gateway.ports.http}${path}`),
    /** Submits one message on a connection of its own; its id. */
    async submit(
      to: string | readonly string[],
      content: string | Buffer = 'Subject: hello\r\n\r\nhello\r\n',
      from = 'sender@example.com',
    ) {
      const client = await SmtpClient.login(gateway.ports.smtp!);
      const answer = await client.submit(from, typeof to === 'string' ? [to] : to, content);
      client.close();
      const id = /^250 2\.6\.0 queued as (\w{26})$/.exec(answer)?.[1];
      if (!id) throw new Error(`not accepted: ${answer}`);
      return id;
    },
    deliveries: (messageId: string) =>
      rows<Delivery>(
        `select n, recipient, state, attempt, attempt - uncounted as counted, reason, parked, pinned_upstream, lease_holder,
                extract(epoch from due_at - now())::float as due_in_s
         from deliveries where message_id = $1 order by n`,
        messageId,
      ),
    attempts: (messageId: string) =>
      rows<Attempt>(
        `select n, attempt, hop, upstream, result, stage, scope, smtp_code, enhanced_status, detail, decision
         from attempts where message_id = $1 order by n, attempt, hop`,
        messageId,
      ),
    /** Kinds of its events, in order, each with its recipient's number. */
    async events(messageId: string) {
      const found = await rows<{ kind: string; n: number | null }>(
        'select kind, n from events where message_id = $1 order by event_id',
        messageId,
      );
      return found.map(({ kind, n }) => (n === null ? kind : `${kind} ${n}`));
    },
    /** Resolves when no delivery of the message is being tried or about to be. */
    settled: (messageId: string, withinMs?: number) =>
      eventually(async () => {
        const open = await rows(
          `select 1 from deliveries where message_id = $1 and state = 'queued'
           and (lease_holder is not null or attempt = 0)`,
          messageId,
        );
        if (open.length > 0) throw new Error(`${messageId} is still being tried`);
      }, withinMs),
    /** Resolves when each delivery of the message is in one of the states. */
    reaches: (messageId: string, ...states: string[]) =>
      eventually(async () => {
        const found = await rows<{ state: string; reason: string }>(
          'select state, reason from deliveries where message_id = $1',
          messageId,
        );
        if (!found.every(({ state }) => states.includes(state)))
          throw new Error(`${messageId}: ${JSON.stringify(found)}`);
      }),
    /** Time passes for one message: whatever waits is due, and is looked for. */
    async makeDue(messageId: string) {
      await rows(
        `update deliveries set due_at = now() where message_id = $1 and state = 'queued' and lease_holder is null`,
        messageId,
      );
    },
    /** Stops it, and with it its database, unless it was given. */
    async end() {
      // Its own pool first, where the gateway takes the server down.
      if (given.embedded) await database.drop();
      await stop(1_000);
      if (prepared && !given.database) await prepared.drop();
      if (!given.dataDir) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export function testEnvironment(dataDir: string): Record<string, string> {
  return {
    POSTERN_DATA_DIR: dataDir,
    POSTERN_HOSTNAME: 'gateway.test',
    POSTERN_SMTP_PORT: '0',
    POSTERN_SMTPS_PORT: '0',
    POSTERN_HTTP_PORT: '0',
    // No followers: most tests mail to addresses again that were refused before. Those about bounces want `all`.
    POSTERN_ROLES: 'listener,dispatcher,http',
    POSTERN_BOOTSTRAP_CREDENTIAL: `${USER}:${PASSWORD}`,
    POSTERN_ADMIN_PASSWORD: 'admin-password',
    POSTERN_UPSTREAM_TIMEOUT: '20s',
    // Nobody listens there, which is known at once.
    POSTERN_DNS_SERVERS: '127.0.0.1:1',
  };
}
