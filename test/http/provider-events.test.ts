// The event paths over real HTTP: who is believed, what is answered, and when a provider tries again.
import { generateKeyPairSync } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { mailgunEvent, postmarkBounce, sendgridEvent } from '../bounce/events/payloads.ts';
import {
  LOGIN,
  MAILGUN_KEY,
  type MailgunHow,
  mailgunRequest,
  NOW,
  postmarkRequest,
  type Signed,
  sendgridRequest,
  startEventRig,
} from '../support/provider-requests.ts';

const rigs: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.stop();
});

async function rigWith(options: Parameters<typeof startEventRig>[0] = {}) {
  const rig = await startEventRig(options);
  rigs.push(rig);
  return rig;
}

const REQUESTS: readonly (readonly [string, () => Signed])[] = [
  ['Postmark', () => postmarkRequest(postmarkBounce())],
  ['Mailgun', () => mailgunRequest(mailgunEvent())],
  ['SendGrid', () => sendgridRequest([sendgridEvent()])],
];
const withBody = (request: Signed, body: Signed['body']): Signed => ({ ...request, body });
const MINUTE = 60_000;

describe.each(REQUESTS)('%s', (_provider, request) => {
  it('is answered 200 once its events are kept', async () => {
    const rig = await rigWith();
    expect(await rig.post(request())).toEqual({ status: 200, text: '{"status":"taken"}' });
    expect(rig.taken).toMatchObject([[{ kind: 'bounced', recipients: [{ address: 'ada@example.net', hard: true }] }]]);
    expect(rig.lines.at(-1)).toMatchObject({ event: 'events-taken', kinds: { bounced: 1 } });
  });

  it('is answered only after they are kept, and 503 when they could not be; its next try gets in', async () => {
    let fault: Error | null = new Error('no database');
    let open = () => {};
    const wait = new Promise<void>(resolve => (open = resolve));
    const kept: string[] = [];
    const rig = await rigWith({
      take: async events => {
        await wait;
        if (fault) throw fault;
        kept.push(...events.map(event => event.eventId));
      },
    });
    const same = request();
    let isAnswered = false;
    const first = rig.post(same).then(answer => {
      isAnswered = true;
      return answer;
    });
    await rig.post({ ...same, path: '/events/none' });
    expect(isAnswered).toBe(false);
    open();
    expect((await first).status).toBe(503);
    expect(rig.lines).toContainEqual(expect.objectContaining({ event: 'events-not-taken', level: 'error' }));
    fault = null;
    // As long afterwards as Mailgun goes on trying.
    rig.clock.now += 480 * MINUTE;
    expect((await rig.post(same)).status).toBe(200);
    expect(kept.length).toBe(1);
  });

  it('is refused with any byte of its body changed, except what Postmark and Mailgun do not sign', async () => {
    const rig = await rigWith();
    const good = request();
    const statuses = new Set<number>();
    const body = Buffer.from(good.body);
    for (let at = 0; at < body.length; at += 7) {
      const changed = Buffer.from(body);
      changed[at]! ^= 1;
      statuses.add((await rig.post(withBody(good, changed))).status);
    }
    if (good.path === '/events/sendgrid') expect([...statuses]).toEqual([403]);
    else expect([...statuses].filter(status => ![200, 400, 403].includes(status))).toEqual([]);
  });

  it.each<[string, string | Buffer]>([
    ['nothing', ''],
    ['no JSON', '{"a":'],
    ['bytes', Buffer.from([0, 255, 254, 0, 1])],
    ['a list of nothing', '[]'],
    ['brackets', '['.repeat(300_000)],
    ['a number', '7'],
  ])('makes nothing of %s', async (_title, body) => {
    const rig = await rigWith();
    const { status, text } = await rig.post(withBody(request(), body));
    expect([200, 400, 403]).toContain(status);
    if (status !== 200) expect(JSON.parse(text)).toEqual({ type: 'about:blank', title: expect.any(String), status });
    expect(rig.taken).toEqual([]);
  });

  it('is answered 413 beyond a megabyte, with whatever signature', async () => {
    const rig = await rigWith();
    const { status, text } = await rig.post(withBody(request(), Buffer.alloc(1_000_001, 0x20)));
    expect(status).toBe(413);
    expect(JSON.parse(text)).toEqual({ type: 'about:blank', title: 'Content Too Large', status: 413 });
  });

  it('has no path unless it is configured', async () => {
    const off = { POSTERN_EVENTS_POSTMARK: '', POSTERN_EVENTS_MAILGUN: '', POSTERN_EVENTS_SENDGRID: '' };
    const rig = await rigWith({ env: off });
    expect((await rig.post(request())).status).toBe(404);
    const one = await rigWith();
    expect((await one.post({ ...request(), path: `${request().path}/nobody` })).status).toBe(404);
    expect((await fetch(one.base + request().path)).status).toBe(404);
  });

  it('is not in the log with its address, key or body', async () => {
    const rig = await rigWith();
    await rig.post(request());
    await rig.post({ ...request(), headers: { authorization: 'Basic aHVudGVyMg==' } });
    const text = JSON.stringify(rig.lines);
    const secrets = ['ada@example.net', 'user unknown', MAILGUN_KEY, LOGIN, LOGIN.split(':')[1]!, 'aHVudGVyMg'];
    expect(secrets.filter(secret => text.includes(secret))).toEqual([]);
  });
});

describe('Postmark', () => {
  it.each([
    ['no login', undefined],
    ['another password', `Basic ${Buffer.from(`${LOGIN}x`).toString('base64')}`],
    ['a shorter password', `Basic ${Buffer.from(LOGIN.slice(0, -1)).toString('base64')}`],
    ['another user', `Basic ${Buffer.from(LOGIN.replace('postmark', 'mailgun')).toString('base64')}`],
    ['another scheme', `Bearer ${Buffer.from(LOGIN).toString('base64')}`],
    ['the password in clear', `Basic ${LOGIN}`],
  ])('with %s is refused before its body is looked at', async (_title, authorization) => {
    const rig = await rigWith();
    const headers = authorization ? { authorization } : {};
    expect((await rig.post({ path: '/events/postmark', headers, body: '{"broken' })).status).toBe(403);
    expect(rig.reasons()).toEqual(['wrong-password']);
  });
});

describe('Mailgun', () => {
  it.each<[string, MailgunHow, number, string | undefined]>([
    ['now', {}, 200, undefined],
    ['4 minutes ago', { at: NOW - 4 * MINUTE }, 200, undefined],
    ['6 minutes ago', { at: NOW - 6 * MINUTE }, 403, 'old-timestamp'],
    ['4 minutes ahead', { at: NOW + 4 * MINUTE }, 200, undefined],
    ['6 minutes ahead', { at: NOW + 6 * MINUTE }, 403, 'old-timestamp'],
    ['never', { at: Number.NaN }, 403, 'old-timestamp'],
    ['with another key', { key: 'fedcba9876543210' }, 403, 'wrong-signature'],
    ["with another account's key", { key: MAILGUN_KEY.toUpperCase() }, 403, 'wrong-signature'],
  ])('signed %s', async (_title, how, status, reason) => {
    const rig = await rigWith();
    expect((await rig.post(mailgunRequest(mailgunEvent(), how))).status).toBe(status);
    expect(rig.reasons()[0]).toBe(reason);
  });

  it('may tell again what we took, and it counts once; nobody may say something else with its token', async () => {
    const rig = await rigWith();
    const first = mailgunRequest(mailgunEvent(), { token: 'a'.repeat(50) });
    expect((await rig.post(first)).status).toBe(200);
    expect((await rig.post(first)).status).toBe(200);
    expect(rig.taken.length).toBe(1);
    const forged = String(first.body).replace('ada@example.net', 'eve@example.net');
    expect((await rig.post(withBody(first, forged))).status).toBe(403);
    expect(rig.reasons()).toEqual(['replayed']);
    expect(rig.taken.length).toBe(1);
  });

  it('has a path for each account, each with its own key', async () => {
    const rig = await rigWith();
    const request = mailgunRequest(mailgunEvent(), { key: MAILGUN_KEY.toUpperCase(), path: '/events/mailgun/two' });
    expect((await rig.post(request)).status).toBe(200);
    expect(rig.taken[0]![0]!.account).toBe('two');
  });

  it.each([
    ['no signature', { signature: undefined }],
    ['a signature that is no object', { signature: 'yes' }],
    ['lists for values', { signature: { timestamp: [1], token: ['x'], signature: ['y'] } }],
  ])('with %s is refused', async (_title, change) => {
    const rig = await rigWith();
    const request = mailgunRequest(mailgunEvent());
    const body = JSON.stringify({ ...JSON.parse(String(request.body)), ...change });
    expect((await rig.post(withBody(request, body))).status).toBe(403);
  });
});

describe('SendGrid', () => {
  const TIMESTAMP = 'x-twilio-email-event-webhook-timestamp';
  const SIGNATURE = 'x-twilio-email-event-webhook-signature';
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

  it.each<[string, Parameters<typeof sendgridRequest>[1], number]>([
    ['24 hours late, as its last try', { at: NOW - 24 * 60 * MINUTE }, 200],
    ['26 hours late', { at: NOW - 26 * 60 * MINUTE }, 403],
    ['6 minutes ahead', { at: NOW + 6 * MINUTE }, 403],
    ['with a time that is none', { timestamp: 'soon' }, 403],
    ['with a time of another form', { timestamp: '0x6a0f' }, 403],
    ['without a time', { timestamp: '' }, 403],
    ['with another key', { key: other }, 403],
  ])('%s', async (_title, how, status) => {
    const rig = await rigWith();
    expect((await rig.post(sendgridRequest([sendgridEvent()], how))).status).toBe(status);
    expect(rig.taken.length).toBe(status === 200 ? 1 : 0);
  });

  it('is held to the very bytes: the same JSON written otherwise is refused', async () => {
    const rig = await rigWith();
    const request = sendgridRequest([sendgridEvent()]);
    const pretty = JSON.stringify(JSON.parse(String(request.body)), null, 1);
    expect((await rig.post(withBody(request, pretty))).status).toBe(403);
    expect((await rig.post(withBody(request, `${request.body}\r\n`))).status).toBe(403);
    expect((await rig.post(sendgridRequest(null, { body: `${request.body}\r\n` }))).status).toBe(200);
  });

  it.each(['', 'AAAA', 'MEUCIQ', '!'.repeat(99), Buffer.alloc(70, 0x30).toString('base64')])(
    'with %j for a signature is refused',
    async signature => {
      const rig = await rigWith();
      const request = sendgridRequest([sendgridEvent()]);
      const headers = { ...request.headers, [SIGNATURE]: signature };
      expect((await rig.post({ ...request, headers })).status).toBe(403);
    },
  );

  it('is refused with the time of another request', async () => {
    const rig = await rigWith();
    const request = sendgridRequest([sendgridEvent()]);
    const headers = { ...request.headers, [TIMESTAMP]: String(NOW / 1_000 - 1) };
    expect((await rig.post({ ...request, headers })).status).toBe(403);
  });

  it('is nonsense when it signed something else than a list', async () => {
    const rig = await rigWith();
    expect((await rig.post(sendgridRequest({ event: 'bounce' }))).status).toBe(400);
    expect((await rig.post(sendgridRequest(null, { body: '[{' }))).status).toBe(400);
    expect(rig.reasons()).toEqual(['not a list of events']);
  });

  it('hands a whole batch over at once, without what says nothing about delivery', async () => {
    const rig = await rigWith();
    const batch = Array.from({ length: 1_500 }, (_, i) =>
      sendgridEvent({ sg_event_id: `e${i}`, email: `u${i}@x.example` }),
    );
    const opens = [sendgridEvent({ event: 'open' }), sendgridEvent({ event: 'click' })];
    expect((await rig.post(sendgridRequest([...opens, ...batch]))).status).toBe(200);
    expect(rig.taken.map(events => events.length)).toEqual([1_500]);
    expect((await rig.post(sendgridRequest(opens))).status).toBe(200);
    expect(rig.taken.length).toBe(1);
  });
});

describe('strangers', () => {
  it('cannot fill the log: one line a minute for each reason, and a metric for all', async () => {
    const rig = await rigWith();
    const forged = mailgunRequest(mailgunEvent(), { key: 'fedcba9876543210' });
    for (let i = 0; i < 20; i++) await rig.post(forged);
    expect(rig.reasons()).toEqual(['wrong-signature']);
    rig.clock.now += MINUTE;
    await rig.post(forged);
    expect(rig.reasons()).toEqual(['wrong-signature', 'wrong-signature']);
    const metrics = await (await fetch(`${rig.base}/metrics`)).text();
    expect(metrics).toContain('postern_provider_requests_total{provider="mailgun",outcome="refused"} 21');
  });

  it('leave the other paths as they are: theirs is JSON as before', async () => {
    const rig = await rigWith();
    expect(await (await fetch(`${rig.base}/healthz`)).json()).toEqual({ status: 'alive' });
    const missing = await fetch(`${rig.base}/nothing`, { method: 'POST', body: 'x' });
    expect(missing.status).toBe(404);
  });
});
