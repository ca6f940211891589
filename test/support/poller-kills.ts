// Kills the poller at random while reports come in, and counts: each report must have been recorded once, counted once,
// suppressed once, and lie in the folder for what was recorded.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { returnPath } from '../../src/mail/verp.ts';
import { loadReturnPathKeys } from '../../src/platform/return-path-key.ts';
import { posternStart } from './command-line.ts';
import type { Dovecot } from './dovecot.ts';
import { eventually } from './eventually.ts';
import { dsn, letter, putSent } from './returned-mail.ts';

export type KillPlan = {
  readonly database: {
    readonly url: string;
    rows<Row = Record<string, unknown>>(sql: string, ...values: unknown[]): Promise<Row[]>;
  };
  readonly dovecot: Dovecot;
  readonly kills: number;
  readonly reports: number;
  /** How long after its start one lives at most. */
  readonly longestLifeMs: number;
  readonly onKill?: (kill: number, recorded: number) => void;
};

export type KillVerdict = {
  readonly reports: number;
  readonly outcomes: number;
  readonly suppressions: number;
  /** `bounced` on timelines: one each, none counted again. */
  readonly events: number;
  readonly repeated: number;
  readonly filed: number;
  /** People's letters among them, left where they were. */
  readonly left: number;
  /** Kills that came while there were reports to be read. */
  readonly inTheMiddle: number;
};

const DOMAIN = 'bounces.example.com';
const LETTERS = 5;

export async function killPollers(plan: KillPlan): Promise<KillVerdict> {
  const { database, dovecot, kills, longestLifeMs, onKill } = plan;
  const dataDir = await mkdtemp(join(tmpdir(), 'kills-'));
  const mail = await prepareReports(plan, dataDir);
  const environment = {
    POSTERN_DATA_DIR: dataDir,
    DATABASE_URL: database.url,
    POSTERN_ROLES: 'poller',
    POSTERN_SMTP_PORT: 'off',
    POSTERN_HTTP_PORT: 'off',
    POSTERN_RETURN_PATH_DOMAIN: DOMAIN,
    POSTERN_BOUNCE_MAILBOXES: dovecot.url(),
    POSTERN_SUPPRESSIONS_PER_HOUR: '100000',
    POSTERN_LOG_LEVEL: 'warn',
  };
  const recorded = async () => (await database.rows('select 1 from reports')).length;
  const total = mail.length;
  let inTheMiddle = 0;
  let delivered = 0;
  try {
    for (let kill = 1; kill <= kills; kill += 1) {
      const poller = await posternStart(environment);
      const wanted = Math.ceil((total * kill) / kills);
      const pouring = deliverSome(dovecot, mail, wanted - delivered);
      delivered = wanted;
      await sleep(Math.random() * longestLifeMs);
      await poller.end('SIGKILL');
      await pouring;
      const count = await recorded();
      if (count < delivered - LETTERS) inTheMiddle += 1;
      onKill?.(kill, count);
    }
    const last = await posternStart(environment);
    await eventually(async () => {
      if ((await recorded()) < plan.reports || (await dovecot.count('Processed')) < plan.reports)
        throw new Error(`${await recorded()} of ${plan.reports} recorded, ${await dovecot.count('Processed')} filed`);
    }, 60_000);
    await last.end();
    return { ...(await countAll(plan)), inTheMiddle };
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Bounces of messages to as many recipients, each with proof, in the order in which they will come; letters among them. */
async function prepareReports({ database, reports }: KillPlan, dataDir: string): Promise<Buffer[]> {
  const [key] = await loadReturnPathKeys(dataDir, null);
  const mail: Buffer[] = [];
  for (let i = 0; i < reports; i += 1) {
    const recipient = `gone${i}@x.example`;
    const messageId = await putSent(database, { recipients: [recipient] });
    mail.push(dsn({ to: returnPath({ messageId, n: 0 }, DOMAIN, key!, Date.now()), recipient }));
  }
  for (let i = 0; i < LETTERS; i += 1) mail.splice(Math.floor(Math.random() * mail.length), 0, letter());
  return mail;
}

/** Takes them from the front. */
async function deliverSome(dovecot: Dovecot, mail: Buffer[], count: number): Promise<void> {
  for (const bytes of mail.splice(0, count)) await dovecot.deliver(bytes);
}

async function countAll({ database, dovecot }: KillPlan) {
  const count = async (what: string) => (await database.rows(what)).length;
  return {
    reports: await count('select 1 from reports'),
    outcomes: await count('select 1 from outcomes'),
    suppressions: await count('select 1 from suppressions'),
    events: await count(`select 1 from events where kind = 'bounced'`),
    repeated: await count(`select 1 from report_recipients where decision = 'repeated'`),
    filed: await dovecot.count('Processed'),
    left: await dovecot.count(),
  };
}
