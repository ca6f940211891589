// The gateway looks at sending domains by itself: keys sign once they are published, and what breaks is said.
import { expect, it } from 'vitest';
import { dkimRecord, makeKeys, zoneLine } from '../../relay/index.ts';
import { createSealer } from '../../src/platform/sealing.ts';
import { insertKeys, listKeys } from '../../src/store/dkim-keys.ts';
import { addDomain } from '../../src/store/domains.ts';
import { cloneDatabase } from '../support/database.ts';
import { startDnsServer } from '../support/dns-server.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';
import { has, unlessInstalled } from '../support/programs.ts';

it.skipIf(!has('dnsmasq'))(`keys sign once the gateway saw them${unlessInstalled('dnsmasq')}`, async () => {
  const database = await cloneDatabase();
  const dns = await startDnsServer();
  const { db } = database;
  await addDomain(db, 'example.com', 'default');
  await insertKeys(
    db,
    await makeKeys('example.com', { now: new Date(), taken: [], sealer: createSealer(Buffer.alloc(32)) }),
  );
  const keys = await listKeys(db, 'example.com');
  await dns.publish(keys.map(key => zoneLine(dkimRecord(key))));

  const gateway = await startTestGateway({ POSTERN_DNS_SERVERS: dns.address }, { database });
  await eventually(async () => expect((await listKeys(db, 'example.com')).every(key => key.activeFrom)).toBe(true));
  const broken = await eventually(() => {
    const line = gateway.lines.find(({ event }) => event === 'domain-broken');
    expect(line).toBeDefined();
    return line!;
  });
  expect(broken).toMatchObject({
    ...{ level: 'warn', domain: 'example.com' },
    problems: ['spf-missing example.com', 'dmarc-missing _dmarc.example.com'],
  });
  await gateway.end();
  await dns.stop();
});
