// SES by way of SNS, over real HTTP; its certificates come from a real TLS server on 127.0.0.1 that plays Amazon's host.
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { generate } from 'selfsigned';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createOutsideGet } from '../../src/platform/outside-get.ts';
import { sesBounce } from '../bounce/events/payloads.ts';
import {
  type EventRig,
  NOW,
  type SnsHow,
  snsIdentity,
  snsRequest,
  startEventRig,
  TOPIC,
} from '../support/provider-requests.ts';

const HOST = 'sns.eu-west-1.amazonaws.com';
const CHINA = 'arn:aws-cn:sns:cn-north-1:123456789012:ses-events';
const MINUTE = 60_000;
const SUBSCRIBE = `https://${HOST}/?Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=2336412f37`;
const BOUNCE = { Message: JSON.stringify(sesBounce()) };

let host: Server;
let hostCertificate: string;
let identity: { certificate: string; key: string };
let amazon: { status: number; body: string };
let fetched: string[] = [];
let rig: EventRig;

beforeAll(async () => {
  identity = await snsIdentity();
  const names = [HOST, 'sns.cn-north-1.amazonaws.com.cn'].map(value => ({ type: 2 as const, value }));
  const made = await generate([{ name: 'commonName', value: HOST }], {
    ...{ keyType: 'ec', notBeforeDate: new Date(), notAfterDate: new Date(Date.now() + 86_400_000) },
    extensions: [{ name: 'subjectAltName', altNames: names }],
  });
  hostCertificate = made.cert;
  host = createServer({ cert: made.cert, key: made.private }, (request, reply) => {
    fetched.push(`https://${request.headers.host}${request.url}`);
    reply.writeHead(amazon.status, { location: 'https://elsewhere.example/' }).end(amazon.body);
  });
  await new Promise<void>(resolve => host.listen(0, '127.0.0.1', resolve));
});

afterAll(() => {
  host.closeAllConnections();
  host.close();
});

beforeEach(async () => {
  fetched = [];
  amazon = { status: 200, body: identity.certificate };
  const { port } = host.address() as AddressInfo;
  const get = createOutsideGet({
    lookup: (_name, _options, callback) => callback(null, [{ address: '203.0.114.7', family: 4 }]),
    connect: ({ servername }) => connectTls({ host: '127.0.0.1', port, servername, ca: hostCertificate }),
  });
  rig = await startEventRig({ fetch: get, env: { POSTERN_EVENTS_SES_TOPICS: `${TOPIC},${CHINA}` } });
});

afterEach(() => rig.stop());

const post = (fields: Record<string, unknown> = BOUNCE, how: SnsHow = {}) =>
  rig.post(snsRequest(identity.key, fields, how));

describe('a notification', () => {
  it.each(['1', '2'] as const)('of signature version %s is taken', async version => {
    expect(await post(BOUNCE, { version })).toEqual({ status: 200, text: '{"status":"taken"}' });
    expect(rig.taken).toMatchObject([[{ provider: 'ses', kind: 'bounced', recipients: [{ hard: true }] }]]);
  });

  it('with a Subject is taken, which is then signed too', async () => {
    expect((await post({ ...BOUNCE, Subject: 'Amazon SES Email Event Notification' })).status).toBe(200);
    expect((await post({ ...BOUNCE, Subject: 'one' }, { after: { Subject: 'two' } })).status).toBe(403);
    expect((await post({ ...BOUNCE, Subject: 'one' }, { after: { Subject: undefined } })).status).toBe(403);
    expect((await post(BOUNCE, { after: { Subject: 'added' } })).status).toBe(403);
  });

  it('of China comes from the host there', async () => {
    const SigningCertURL = 'https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0123456789abcdef.pem';
    expect((await post({ ...BOUNCE, TopicArn: CHINA, SigningCertURL })).status).toBe(200);
    expect(fetched).toEqual([SigningCertURL]);
  });

  it('that is no event is taken: SES tries the topic with a line of text', async () => {
    expect((await post({ Message: 'Successfully validated SNS topic for Amazon SES event publishing.' })).status).toBe(
      200,
    );
    expect(rig.taken).toEqual([]);
  });

  it.each<[string, Record<string, unknown>]>([
    ['Message', { Message: JSON.stringify(sesBounce({}, { emailAddress: 'eve@example.net' })) }],
    ['MessageId', { MessageId: '00000000-0000-4000-8000-000000000000' }],
    ['Timestamp', { Timestamp: new Date(NOW - 1).toISOString() }],
    [
      'TopicArn',
      {
        TopicArn: CHINA,
        SigningCertURL: 'https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0123456789abcdef.pem',
      },
    ],
    ['Type', { Type: 'UnsubscribeConfirmation', Token: 'x', SubscribeURL: SUBSCRIBE }],
    ['SignatureVersion', { SignatureVersion: '1' }],
    ['SignatureVersion to one that does not exist', { SignatureVersion: '3' }],
    ['SignatureVersion to a number', { SignatureVersion: 2 }],
    ['Signature', { Signature: 'AAAA' }],
    ['Signature to nothing', { Signature: '' }],
    ['Signature to a list', { Signature: ['AAAA'] }],
  ])('is refused with another %s than was signed', async (_field, after) => {
    expect((await post(BOUNCE, { after })).status).toBe(403);
    expect(rig.reasons()).toEqual(['wrong-signature']);
    expect(rig.taken).toEqual([]);
  });

  it('is refused with any byte of its Message changed', async () => {
    const { Message } = BOUNCE;
    const statuses = new Set<number>();
    for (let at = 0; at < Message.length; at += 9) {
      const changed = `${Message.slice(0, at)}${String.fromCharCode(Message.charCodeAt(at) ^ 1)}${Message.slice(at + 1)}`;
      statuses.add((await post(BOUNCE, { after: { Message: changed } })).status);
    }
    expect([...statuses]).toEqual([403]);
  });

  it('cannot hide one field in another, though the signed text would be the same', async () => {
    const MessageId = '11111111-2222-4333-8444-555555555555';
    const after = { Subject: undefined, MessageId: `${MessageId}\nSubject\nx` };
    expect((await post({ ...BOUNCE, MessageId, Subject: 'x' }, { after })).status).toBe(403);
    expect(rig.reasons()).toEqual(['wrong-signature']);
  });

  it.each([
    ['now', 0, 200],
    ['an hour late, as its last try', -60, 200],
    ['75 minutes late', -75, 403],
    ['6 minutes ahead', 6, 403],
  ])('of %s', async (_title, minutes, status) => {
    expect((await post(BOUNCE, { at: NOW + minutes * MINUTE })).status).toBe(status);
    if (status !== 200) expect(rig.reasons()).toEqual(['old-timestamp']);
  });

  it('of a topic that is not listed is refused without fetching anything', async () => {
    expect((await post({ ...BOUNCE, TopicArn: `${TOPIC}-2` })).status).toBe(403);
    expect(rig.reasons()).toEqual(['topic-not-listed']);
    expect(fetched).toEqual([]);
  });

  it('raw has no signature and is refused', async () => {
    const headers = { 'x-amz-sns-rawdelivery': 'true' };
    expect((await rig.post({ path: '/events/ses', headers, body: BOUNCE.Message })).status).toBe(403);
    expect(rig.reasons()).toEqual(['raw-delivery']);
  });

  it.each<[string, string]>([
    ['nothing', ''],
    ['no JSON', '{'],
    ['an event without its envelope', BOUNCE.Message],
    ['an envelope without a topic', '{"Type":"Notification"}'],
    ['an envelope of no known type', JSON.stringify({ Type: 'Other', TopicArn: TOPIC })],
    ['a list', '[]'],
  ])('of %s is nonsense', async (_title, body) => {
    expect((await rig.post({ path: '/events/ses', headers: {}, body })).status).toBe(400);
    expect(fetched).toEqual([]);
  });

  it('is answered 413 beyond a megabyte', async () => {
    expect((await post({ Message: 'x'.repeat(1_000_001) })).status).toBe(413);
  });
});

describe('the certificate', () => {
  it('is fetched once and kept for a day', async () => {
    for (let i = 0; i < 5; i++) expect((await post()).status).toBe(200);
    expect(fetched.length).toBe(1);
    rig.clock.now += 23 * 60 * MINUTE;
    expect((await post(BOUNCE, { at: rig.clock.now })).status).toBe(200);
    expect(fetched.length).toBe(1);
  });

  it('is fetched once for many who ask at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => post()));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(fetched.length).toBe(1);
  });

  it.each([
    'http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem',
    'https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem',
    'https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0123456789abcdef.pem',
    'https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-0123456789abcdef.pem',
    'https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0123456789abcdef.pem',
    'https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem?x',
    'https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-../../bucket/key.pem',
    'https://sns.eu-west-1.amazonaws.com/bucket/evil.pem',
    'https://bucket.s3.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem',
    'https://127.0.0.1/SimpleNotificationService-0123456789abcdef.pem',
    '',
    7,
    null,
  ])('is not fetched from %j', async SigningCertURL => {
    expect((await post({ ...BOUNCE, SigningCertURL })).status).toBe(403);
    expect(rig.reasons()).toEqual(['foreign-certificate']);
    expect(fetched).toEqual([]);
  });

  it.each([
    ['500', { status: 500, body: '' }],
    ['a redirect', { status: 302, body: '' }],
    ['too much', { status: 200, body: 'x'.repeat(1_000_001) }],
  ])('that cannot be had (%s) makes SNS try again, and is not asked for again at once', async (_title, answer) => {
    amazon = answer;
    expect((await post()).status).toBe(503);
    expect((await post()).status).toBe(503);
    expect(fetched.length).toBe(1);
    expect(rig.lines).toContainEqual(expect.objectContaining({ event: 'events-unavailable', level: 'warn' }));
    amazon = { status: 200, body: identity.certificate };
    rig.clock.now += 2 * MINUTE;
    expect((await post()).status).toBe(200);
  });

  it.each([
    ['out of date', () => snsIdentity({ days: [-10, -1] })],
    ['not yet valid', () => snsIdentity({ days: [1, 10] })],
    ['of a short key', () => snsIdentity({ keySize: 1024 })],
  ])('%s is not used', async (_title, make) => {
    const other = await make();
    amazon.body = other.certificate;
    expect((await rig.post(snsRequest(other.key, BOUNCE))).status).toBe(403);
    expect(rig.reasons()).toEqual(['unusable-certificate']);
  });

  it('that is none is not used', async () => {
    amazon.body = 'not a certificate';
    expect((await post()).status).toBe(403);
    expect(rig.reasons()).toEqual(['unusable-certificate']);
  });

  it('of somebody else does not fit the signature', async () => {
    amazon.body = (await snsIdentity()).certificate;
    expect((await post()).status).toBe(403);
    expect(rig.reasons()).toEqual(['wrong-signature']);
  });

  it('is fetched ten times a minute at most, whatever addresses are made up', async () => {
    const urls = Array.from(
      { length: 15 },
      (_, i) => `https://${HOST}/SimpleNotificationService-${i}0123456789abcde.pem`,
    );
    const statuses: number[] = [];
    for (const SigningCertURL of urls) statuses.push((await post({ ...BOUNCE, SigningCertURL })).status);
    expect(fetched.length).toBe(10);
    expect(statuses.filter(status => status === 503).length).toBe(5);
  });
});

describe('a subscription', () => {
  const CONFIRMATION = { Type: 'SubscriptionConfirmation', Message: 'You have chosen…', Token: '2336412f37' };
  const confirm = (fields: Record<string, unknown> = {}, how: SnsHow = {}) =>
    post({ ...CONFIRMATION, SubscribeURL: SUBSCRIBE, ...fields }, how);
  const visited = () => fetched.filter(url => !url.includes('.pem'));

  it('of a listed topic is confirmed', async () => {
    expect((await confirm()).status).toBe(200);
    expect(visited()).toEqual([SUBSCRIBE]);
    expect(rig.lines.at(-1)).toMatchObject({ event: 'events-subscribed', topic: TOPIC });
  });

  it.each([
    `https://evil.example/?Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=1`,
    `http://${HOST}/?Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=1`,
    `https://${HOST}:8443/?Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=1`,
    `https://user@${HOST}/?Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=1`,
    `https://${HOST}/?Action=DeleteTopic&TopicArn=${TOPIC}`,
    `https://${HOST}/?Action=ConfirmSubscription&TopicArn=${TOPIC}-2&Token=1`,
    `https://${HOST}/other?Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=1`,
    'https://169.254.169.254/latest/meta-data/',
    'nonsense',
  ])('is not confirmed at %s, even signed', async SubscribeURL => {
    expect((await confirm({ SubscribeURL })).status).toBe(403);
    expect(rig.reasons()).toEqual(['foreign-subscription']);
    expect(visited()).toEqual([]);
  });

  it('of another topic, or with a wrong signature, is not confirmed', async () => {
    expect((await confirm({ TopicArn: `${TOPIC}-2` })).status).toBe(403);
    expect((await confirm({}, { after: { Token: 'another' } })).status).toBe(403);
    expect((await confirm({}, { after: { SubscribeURL: `${SUBSCRIBE}&x=1` } })).status).toBe(403);
    expect(visited()).toEqual([]);
  });

  it('that cannot be confirmed now is tried again by SNS', async () => {
    await post();
    amazon = { status: 500, body: '' };
    expect((await confirm()).status).toBe(503);
    amazon = { status: 200, body: '<ConfirmSubscriptionResponse/>' };
    expect((await confirm()).status).toBe(200);
  });

  it('that ended is told and not taken up again', async () => {
    expect((await confirm({ Type: 'UnsubscribeConfirmation' })).status).toBe(200);
    expect(visited()).toEqual([]);
    expect(rig.lines.at(-1)).toMatchObject({ event: 'events-unsubscribed', level: 'warn', topic: TOPIC });
  });
});

it('is answered 503 when the events were not kept', async () => {
  const failing = await startEventRig({
    fetch: async () => Buffer.from(identity.certificate),
    take: async () => {
      throw new Error('no database');
    },
  });
  expect((await failing.post(snsRequest(identity.key, BOUNCE))).status).toBe(503);
  await failing.stop();
});
