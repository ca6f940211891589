// `explain` says beforehand what the gateway answers: each message is explained, then really submitted, and what was said
// is compared reply by reply and recipient by recipient.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createExplainer, type Explainer, identityOf } from '../../relay/index.ts';
import { type Address, addressKey } from '../../src/mail/address.ts';
import { formatReply } from '../../src/mail/reply.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { createLog } from '../../src/platform/log.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import { createPool, type Pool } from '../../src/platform/postgres.ts';
import { hashPassword } from '../../src/platform/secret.ts';
import { addCredential, findCredential, type Treatment } from '../../src/store/credentials.ts';
import { type NewQuota, putQuota } from '../../src/store/quotas.ts';
import { putSuppressions } from '../../src/store/suppressions.ts';
import { postern } from '../support/command-line.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { makeKey, signMessage } from '../support/dkim.ts';
import { type NameServer, startNameServer } from '../support/dns.ts';
import { eventually } from '../support/eventually.ts';
import { PASSWORD, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

const TREATMENTS: Record<string, Treatment> = {
  free: {},
  shop: { fromDomains: ['x.example', 'ceo@z.example'] },
  told: { onSuppressed: 'reject' },
  enforcing: { authentication: 'enforce' },
  captured: { mode: 'capture' },
  deaf: { controlHeaders: false },
  paced: {},
  refused: { overQuota: 'reject' },
  'refused-many': { overQuota: 'reject' },
  'refused-bulk': { overQuota: 'reject' },
  'refused-domain': { overQuota: 'reject' },
  held: { overQuota: 'hold' },
  network: { networks: ['127.0.0.9/32'], authentication: 'enforce' },
};

type Mail = {
  readonly as?: string;
  readonly from?: string | null;
  readonly to?: readonly string[];
  readonly content?: string | Buffer;
  /** Submitted first, with nothing compared. */
  readonly after?: Mail;
};

const KEY = makeKey('rsa', 1_024);
const CONTENT = 'From: a@x.example\r\nSubject: hello\r\n\r\nhello\r\n';
const header = (...fields: string[]) => `${fields.join('\r\n')}\r\n\r\nhello\r\n`;
const author = (from: string) => header(from, 'Subject: hello');
const control = (...fields: string[]) => header('From: a@x.example', ...fields);
const strict = (from: string) => ({ as: 'enforcing', from: 'a@elsewhere.example', content: author(from) });
const signed = (tags: Record<string, string> = {}) =>
  signMessage('From: a@signed.example\r\nTo: b@y.example\r\nSubject: x\r\n\r\nhello\r\n', KEY, {
    ...{ d: 'signed.example', ...tags },
  });

const MAILS: Record<string, Mail> = {
  'nothing special': {},
  'several recipients': { to: ['b@y.example', 'c@y.example', 'd@z.example'] },
  'the null reverse-path': { from: null },
  'no header at all': { content: 'hello\r\n' },
  'an empty header': { content: '\r\nhello\r\n' },
  'nothing at all': { content: '' },
  'a foreign envelope sender': { as: 'shop', from: 'a@y.example' },
  'an address of its own in another domain': {
    as: 'shop',
    from: 'CEO@z.example',
    content: author('From: ceo@Z.example'),
  },
  'a foreign author': { as: 'shop', content: author('From: a@y.example') },
  'a foreign author in a group': { as: 'shop', content: author('From: x: a@y.example;') },
  'a foreign author behind an own one': { as: 'shop', content: author('From: a@x.example, b@y.example') },
  'a foreign Sender': { as: 'shop', content: header('From: a@x.example', 'Sender: b@y.example') },
  'two From fields': { content: header('From: a@x.example', 'From: a@x.example') },
  'no From field': { as: 'shop', content: header('Subject: hello') },
  'an encoded word in the place of an address': { as: 'shop', content: author('From: =?utf-8?q?a?=@x.example') },
  'a foreign address as a name': { as: 'shop', content: author('From: ceo@y.example <a@x.example>') },
  'a From field hidden behind a line that is none': { as: 'shop', content: header('x', 'From: a@x.example') },
  'a bare CR': { content: header('From: a@x.example', 'Subject: a\rb') },
  'a NUL': { content: header('From: a@x.example\0', 'Subject: a') },
  'an endless line': { content: `${CONTENT}${'x'.repeat(70_000)}\r\n` },
  'too many bytes': { content: `${CONTENT}${`${'x'.repeat(998)}\r\n`.repeat(120)}` },
  'too many fields': { content: header('From: a@x.example', ...Array(1_001).fill('X: y')) },
  'too many hops': { content: header('From: a@x.example', ...Array(51).fill('Received: from a by b')) },
  'a loop through us': {
    content: header('From: a@x.example', ...Array(6).fill('Received: from a by gateway.test id 1')),
  },
  'control fields': { content: control('X-Postern-Tag: a', 'X-Postern-Stream: bulk') },
  'a control field not understood': { content: control('X-Postern-Send-At: soon') },
  'an unknown control field': { content: control('X-Postern-Nonsense: 1') },
  'a control field not understood, of a credential that may have none': {
    ...{ as: 'deaf', content: control('X-Postern-Send-At: soon') },
  },
  'a time to send at': { content: control('X-Postern-Send-At: +1h') },
  'mail to be dropped': { content: control('X-Mailgun-Drop-Message: yes') },
  'mail of a captured credential': { as: 'captured' },
  'a suppressed recipient': { to: ['gone@y.example', 'b@y.example'] },
  'a suppressed recipient, told': { as: 'told', to: ['b@y.example', 'GONE@y.example'] },
  'none but suppressed recipients, told': { as: 'told', to: ['gone@y.example', 'Gone@Y.example'] },
  'a recipient suppressed for bulk mail': { to: ['bulk@y.example'], content: control('X-Postern-Stream: bulk') },
  'a recipient suppressed for bulk mail, told': {
    ...{ as: 'told', to: ['bulk@y.example'], content: control('X-Postern-Stream: bulk') },
  },
  'a recipient suppressed for other mail': { to: ['bulk@y.example'] },
  'a repeat': { content: control('Message-ID: <repeat@x>'), after: { content: control('Message-ID: <repeat@x>') } },
  'a key used for another message': {
    content: control('X-Postern-Idempotency-Key: one'),
    to: ['other@y.example'],
    after: { content: control('X-Postern-Idempotency-Key: one') },
  },
  'a key used for the same message': {
    content: control('X-Postern-Idempotency-Key: two', 'Subject: again'),
    after: { content: control('X-Postern-Idempotency-Key: two') },
  },
  'a quota used up': { as: 'paced', after: { as: 'paced', to: ['b@y.example', 'c@y.example'] } },
  'a quota used up later': {
    ...{ as: 'paced', content: control('X-Postern-Send-At: +2h') },
    after: { as: 'paced', content: control('X-Postern-Send-At: +2h'), to: ['b@y.example', 'c@y.example'] },
  },
  'a quota that mail would outlive': { as: 'paced', content: control('X-Postern-Max-Age: 10s') },
  'a quota used up, told': { as: 'refused', after: { as: 'refused' } },
  'a quota that never fits': { as: 'refused-many', to: ['b@y.example', 'c@y.example'] },
  'a quota of another stream': {
    as: 'refused-bulk',
    after: { as: 'refused-bulk', content: control('X-PM-Message-Stream: broadcast') },
  },
  'a quota of its stream': { as: 'refused-bulk', content: control('X-Postern-Stream: bulk') },
  'a quota of a domain': {
    as: 'refused-domain',
    to: ['b@slow.example', 'c@y.example'],
    after: { as: 'refused-domain', to: ['b@slow.example'] },
  },
  'a quota that holds': { as: 'held', after: { as: 'held' } },
  'mail that receivers would refuse': strict('From: a@strict.example'),
  'mail that we sign': strict('From: a@ours.example'),
  'mail that we sign, in capitals': strict('From: A@OURS.Example'),
  'mail that we sign, as a U-label': { ...strict('From: a@bücher.example'), as: 'enforcing' },
  'mail signed by the app': { as: 'enforcing', from: 'a@signed.example', content: signed() },
  'a signature that breaks': { ...strict(''), content: signed().replace('hello', 'hallo') },
  'an author whom nobody understands': strict('From: a@ b'),
  'a client that may not send for the domain': {
    as: 'network',
    from: 'a@strict.example',
    content: author('From: a@strict.example'),
  },
  'a client that may': { as: 'network', from: 'a@local.example', content: author('From: a@local.example') },
};

let upstream: ScriptedUpstream;
let dns: NameServer;
let database: TestDatabase;
let gateway: TestGateway;
let pool: Pool;
let explainer: Explainer;

const quota = (credentialId: string, changes: Partial<NewQuota>) =>
  putQuota(database.db, {
    ...{ credentialId, tenantId: null, stream: null, recipientDomain: null },
    ...{ counts: 'messages', limit: 1, windowMs: 3_600_000, ...changes },
  });

beforeAll(async () => {
  upstream = await ScriptedUpstream.start();
  dns = await startNameServer({
    'strict.example': { TXT: ['v=spf1 -all'] },
    '_dmarc.strict.example': { TXT: ['v=DMARC1; p=reject'] },
    '_dmarc.ours.example': { TXT: ['v=DMARC1; p=reject'] },
    '_dmarc.xn--bcher-kva.example': { TXT: ['v=DMARC1; p=reject'] },
    '_dmarc.signed.example': { TXT: ['v=DMARC1; p=reject'] },
    'key._domainkey.signed.example': { TXT: [KEY.record] },
    'local.example': { TXT: ['v=spf1 ip4:127.0.0.0/8 -all'] },
  });
  database = await cloneDatabase();
  for (const [name, treatment] of Object.entries(TREATMENTS)) {
    const credential = { credentialId: name, tenantId: 'default', name, secretHash: await hashPassword(PASSWORD) };
    await addCredential(database.db, { ...credential, ...treatment });
  }
  await quota('paced', { counts: 'recipients', limit: 2 });
  await quota('refused', {});
  await quota('refused-many', { counts: 'recipients' });
  await quota('refused-bulk', { stream: 'bulk' });
  await quota('refused-domain', { recipientDomain: 'slow.example' });
  await quota('held', {});
  const env = { POSTERN_UPSTREAMS: upstream.url('name=main'), POSTERN_DNS_SERVERS: dns.address };
  gateway = await startTestGateway({ ...env, POSTERN_MAX_MESSAGE_SIZE: '100KB' }, { database });
  const environment = { DATABASE_URL: database.url, POSTERN_DATA_DIR: gateway.dataDir };
  for (const domain of ['ours.example', 'bücher.example']) {
    expect(await postern(environment, 'domain', 'add', domain)).toMatchObject({ code: 0 });
    expect(await postern(environment, 'domain', 'dkim', domain, '--now')).toMatchObject({ code: 0 });
  }
  const log = createLog('silent');
  pool = createPool(database.url, { max: 2, name: 'explain', log });
  await putSuppressions(pool, [
    {
      ...{ address: 'gone@y.example', tenantId: null, stream: null },
      ...{ reason: 'manual', evidence: null },
      expiresAt: null,
    },
    {
      ...{ address: 'bulk@y.example', tenantId: 'default', stream: 'bulk' },
      ...{ reason: 'unsubscribe', evidence: null },
      expiresAt: null,
    },
  ]);
  explainer = createExplainer({
    ...{ pool, db: database.db, settings: gateway.settings, hostname: 'gateway.test', clock: systemClock, log },
    metrics: createMetrics(async () => 0),
  });
  await explainer.start();
  // The gateway follows keys within two seconds.
  await eventually(async () => {
    await submit({ content: author('From: a@ours.example') });
    expect(upstream.messages.some(({ content }) => content.includes('d=ours.example'))).toBe(true);
  });
});
afterAll(async () => {
  await explainer.stop();
  await pool.end();
  await gateway.end();
  await database.drop();
  await upstream.stop();
  await dns.stop();
});

describe('what explain says of', () => {
  it.each(Object.entries(MAILS))('%s', async (_name, mail) => {
    if (mail.after) await submit(mail.after);
    const said = await explain(mail);
    const before = upstream.messages.length;
    const answered = await submit(mail);
    expect(comparable(formatReply(said.answer.reply))).toBe(comparable(answered));
    const id = /^250 2\.6\.0 queued as (\w{26})$/.exec(answered)?.[1];
    if (!id || said.recipients.some(({ fate }) => fate === 'repeated')) return;
    const deliveries = await gateway.deliveries(id);
    const taken = said.recipients.filter(({ fate }) => fate !== 'refused');
    expect(taken.map(({ recipient }) => recipient)).toEqual(deliveries.map(({ recipient }) => recipient));
    expect(taken.map(({ fate }) => fate)).toEqual(deliveries.map(fateOf));
    if (!taken.some(({ fate }) => fate === 'deliver')) return;
    await eventually(() => expect(upstream.messages.length).toBe(before + 1));
    const left = upstream.messages.at(-1)!.content.toString();
    const signers = [...left.matchAll(/^DKIM-Signature:[\s\S]*?d=([\w.-]+);/gm)].map(([, domain]) => domain);
    expect(said.signatures.map(({ domain }) => domain)).toEqual(signers.filter(domain => domain !== 'signed.example'));
  });
});

it.each(['ours.example', 'OURS.Example', 'bücher.example', 'xn--bcher-kva.example', 'XN--BCHER-KVA.example'])(
  'mail of a domain that we sign as is taken and signed, spelled %s',
  async domain => {
    const mail = strict(`From: a@${domain}`);
    expect((await explain(mail)).signatures).toHaveLength(2);
    expect(await submit(mail)).toMatch(/^250 /);
  },
);

/** Times differ by what passes between the question and the deed. */
function comparable(reply: string): string {
  return reply.replace(/retry after \d+ s/, 'retry after N s').replace(/queued as (<id>|\w{26})/, 'queued');
}

function fateOf({ state, reason, attempt }: { state: string; reason: string | null; attempt: number }): string {
  switch (state) {
    case 'captured':
      return 'capture';
    case 'queued':
      return attempt === 0 && /^over-quota|^scheduled/.test(reason ?? '') ? 'later' : 'deliver';
    case 'delivered':
      return 'deliver';
    default:
      return state;
  }
}

async function explain({ as = 'free', from = 'a@x.example', to = ['b@y.example'], content = CONTENT }: Mail) {
  const identity = identityOf((await findCredential(database.db, as))!, 'live');
  const recipients = [...new Map(to.map(address => [addressKey(address), address as Address])).values()];
  const isNetwork = as === 'network';
  return explainer.explain({
    identity,
    envelope: {
      ...{ reversePath: from as Address | null, ret: null, envid: null, body: '7BIT', smtpUtf8: true },
      recipients: recipients.map(address => ({ address, notify: null, orcpt: null })),
    },
    content: Buffer.from(content),
    session: {
      remoteAddress: isNetwork ? '127.0.0.9' : '127.0.0.1',
      ...{ clientName: 'client.example', protocol: 'ESMTPA', authenticated: !isNetwork },
    },
    stream: 'transactional',
  });
}

/** The reply that decides it. */
async function submit({ as = 'free', from = 'a@x.example', to = ['b@y.example'], content = CONTENT }: Mail) {
  const client =
    as === 'network' ? await unknown() : await SmtpClient.login(gateway.smtpPort, { user: as, password: PASSWORD });
  try {
    const mail = await client.ask(`MAIL FROM:<${from ?? ''}> SMTPUTF8`);
    if (!mail.startsWith('250')) return mail;
    const replies: string[] = [];
    for (const address of to) replies.push(await client.ask(`RCPT TO:<${address}>`));
    if (!replies.some(reply => reply.startsWith('250'))) return replies[0]!;
    await client.ask('DATA');
    client.send(Buffer.concat([Buffer.from(content), Buffer.from('.\r\n')]));
    return await client.reply();
  } finally {
    client.close();
  }
}

async function unknown(): Promise<SmtpClient> {
  const client = await SmtpClient.connect(gateway.smtpPort, { from: '127.0.0.9' });
  await client.reply();
  await client.ask('EHLO client.example');
  return client;
}
