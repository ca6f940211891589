// What one client can take of the door: sessions, errors, guesses, memory. On the wire.
import { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { eventually } from '../../support/eventually.ts';
import { startTestListener, type TestListener } from '../../support/listener.ts';
import { plain, SmtpClient } from '../../support/smtp-client.ts';

let door: TestListener;
const clients: SmtpClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await door.stop(1);
});

const kept = (client: SmtpClient) => {
  clients.push(client);
  return client;
};
const connected = async (from = '127.0.0.1', port = door.smtpPort) => kept(await SmtpClient.connect(port, { from }));
const helloed = async (from = '127.0.0.1') => kept(await door.hello(door.smtpPort, { from }));
const AUTH = `AUTH PLAIN ${plain('app', 'app-password')}`;
const FULL = '421 4.7.0 Too many sessions from your address, try again later';

/** Deadlines that were set while it ran, of those that the patience of the door names. */
async function waitsOf<T>(task: () => Promise<T>): Promise<number[]> {
  const waits: number[] = [];
  const original = globalThis.setTimeout;
  globalThis.setTimeout = ((...args: Parameters<typeof setTimeout>) => {
    waits.push(Number(args[1]));
    return original(...args);
  }) as typeof setTimeout;
  try {
    await task();
  } finally {
    globalThis.setTimeout = original;
  }
  return waits;
}

describe('sessions of one address', () => {
  it('that have not logged in are so many, on both ports together; others are let in', async () => {
    door = await startTestListener({ maxStrangersPerHost: 3 });
    const first = await connected();
    expect(await first.reply()).toMatch(/^220 /);
    const secure = kept(await SmtpClient.connect(door.smtpsPort, { tls: {} }));
    expect(await secure.reply()).toMatch(/^220 /);
    expect(await (await connected()).reply()).toMatch(/^220 /);
    const refused = await connected();
    expect(await refused.reply()).toBe(FULL);
    expect(await refused.ended()).toBe('');
    await expect(SmtpClient.connect(door.smtpsPort, { tls: {} })).rejects.toThrow();
    expect(await (await connected('127.0.0.2')).reply()).toMatch(/^220 /);
    first.close();
    await eventually(async () => expect(await (await connected()).reply()).toMatch(/^220 /));
  });

  it('that have logged in no longer count among those, and are so many themselves', async () => {
    door = await startTestListener({ maxStrangersPerHost: 2, maxClientsPerHost: 3 });
    for (let i = 0; i < 3; i += 1) expect(await (await helloed()).ask(AUTH)).toMatch(/^235 /);
    const late = await helloed();
    expect(await late.ask(AUTH)).toBe(FULL);
    expect(await late.ended()).toBe('');
    expect(door.lines.join('')).toContain('too-many-clients-of-host');
    expect(await (await helloed('127.0.0.2')).ask(AUTH)).toMatch(/^235 /);
  });

  it('that end in a handshake, before it or after it are counted out', async () => {
    door = await startTestListener({ maxStrangersPerHost: 1, patience: { handshakeMs: 50 } });
    const silentInTls = async () => kept(await SmtpClient.connect(door.smtpsPort));
    const inHandshake = async () => {
      const client = await helloed();
      await client.ask('STARTTLS');
      return client;
    };
    const inTls = async () => kept(await SmtpClient.connect(door.smtpsPort, { tls: {} }));
    for (const open of [silentInTls, inHandshake, inTls, connected]) {
      const client = await eventually(open);
      client.close();
      await eventually(async () => expect(await (await connected()).reply()).toMatch(/^220 /)).then(() => {
        for (const other of clients.splice(0)) other.close();
      });
    }
  });

  it('are told of once, and counted', async () => {
    const metrics = createMetrics(async () => 0);
    door = await startTestListener({ maxStrangersPerHost: 1, metrics });
    const first = await helloed();
    for (let i = 0; i < 5; i += 1) expect(await (await connected()).reply()).toBe(FULL);
    expect(door.lines.filter(line => line.includes('"sessions-refused"'))).toHaveLength(1);
    await first.ask(AUTH);
    const figures = await metrics.registry.metrics();
    expect(figures).toContain('postern_smtp_sessions_refused_total{rule="too-many-strangers-of-host"} 5');
    expect(figures).toContain('postern_smtp_sessions{kind="stranger"} 0');
    expect(figures).toContain('postern_smtp_sessions{kind="client"} 1');
  });
});

describe('whoever makes errors', () => {
  it('waits for each reply to the sixth and further ones, until the end', async () => {
    door = await startTestListener({ patience: { penaltyMs: 7 } });
    const client = await helloed();
    const waits = await waitsOf(async () => {
      for (let i = 1; i < 20; i += 1) expect(await client.ask('STARTTLS x')).toMatch(/^501 /);
      expect(await client.ask('STARTTLS x')).toBe('421 4.7.0 Too many errors');
    });
    expect(waits.filter(ms => ms === 7)).toHaveLength(15);
    expect(await client.ended()).toBe('');
  });

  it('waits without harm to others, in order, and what it sends meanwhile stays where it is', async () => {
    door = await startTestListener({ patience: { penaltyMs: 1_500 } });
    const sockets = watchSockets(door.smtpPort);
    const client = await helloed();
    client.send('EHLO\r\n'.repeat(5));
    for (let i = 0; i < 5; i += 1) expect(await client.reply()).toMatch(/^501 /);
    client.send(`EHLO\r\n${'NOOP\r\n'.repeat(10)}`);
    client.send(Buffer.alloc(64_000_000, 'NOOP\r\n'));
    expect(await (await helloed('127.0.0.2')).ask(AUTH)).toMatch(/^235 /);
    expect(await client.reply()).toMatch(/^501 /);
    sockets.stop();
    expect(sockets.seen()!.bytesRead).toBeLessThan(1_000_000);
    for (let i = 0; i < 10; i += 1) expect(await client.reply()).toMatch(/^250 /);
  });

  it('gets nothing but the end when it comes first', async () => {
    door = await startTestListener({ patience: { penaltyMs: 600_000 } });
    const client = await helloed();
    client.send('EHLO\r\n'.repeat(6));
    for (let i = 0; i < 5; i += 1) expect(await client.reply()).toMatch(/^501 /);
    await door.stop(1_000);
    expect(await client.ended()).toBe('421 4.3.2 Shutting down');
  });
});

describe('whoever guesses passwords', () => {
  const wrong = (user: string) => `AUTH PLAIN ${plain(user, 'wrong')}`;

  it('waits longer and longer, and is sent away at the fifth', async () => {
    door = await startTestListener({ patience: { penaltyMs: 7 } });
    const client = await helloed();
    const waits = await waitsOf(async () => {
      for (let i = 1; i < 5; i += 1) expect(await client.ask(wrong('app'))).toMatch(/^535 5\.7\.8 /);
      expect(await client.ask(wrong('app'))).toBe('421 4.7.0 Too many failed logins');
    });
    expect(waits.filter(ms => ms === 7 || ms === 14 || ms === 21)).toEqual([7, 14, 21]);
    expect(await client.ended()).toBe('');
  });

  it.each(['app', 'nobody'])(
    'is not looked at after twenty, from any session nearby; %s, who may exist, is told the same',
    async user => {
      const metrics = createMetrics(async () => 0);
      const asked: string[] = [];
      door = await startTestListener({
        metrics,
        patience: { penaltyMs: 0 },
        authenticate: async name => {
          asked.push(name);
          return null;
        },
      });
      for (let i = 0; i < 5; i += 1) {
        const client = await helloed(`127.0.0.${i + 1}`);
        for (let j = 0; j < 4; j += 1) expect(await client.ask(wrong(user))).toMatch(/^535 /);
      }
      const client = await helloed();
      asked.length = 0;
      expect(await client.ask(`AUTH PLAIN ${plain(user, `${user}-password`)}`)).toBe(
        '454 4.7.0 Too many failed logins, try again later',
      );
      expect(asked).toEqual([]);
      expect(await client.ask(wrong('other'))).toMatch(/^535 /);
      expect(await (await helloed('127.0.1.1')).ask(wrong(user))).toMatch(/^535 /);
      expect(door.lines.some(line => line.includes('"auth-throttled"'))).toBe(true);
      const figures = await metrics.registry.metrics();
      expect(figures).toContain('postern_failed_logins_total{result="refused"} 22');
      expect(figures).toContain('postern_failed_logins_total{result="throttled"} 1');
    },
  );
});

/** The server's own sockets of this port that write from now on. */
function watchSockets(port: number): { seen: () => Socket | undefined; stop: () => void } {
  const { _write, _writev } = Socket.prototype;
  const seen = new Set<Socket>();
  const seeing = <Args extends unknown[]>(write: (...args: Args) => void) =>
    function (this: Socket, ...args: Args) {
      if (this.localPort === port) seen.add(this);
      return write.apply(this, args);
    };
  Socket.prototype._write = seeing(_write);
  Socket.prototype._writev = seeing(_writev!);
  return { seen: () => [...seen][0], stop: () => Object.assign(Socket.prototype, { _write, _writev }) };
}

describe('whoever never reads', () => {
  it('is not read from while 64 KB wait for it, and is let go of in the end (THREATS 16)', async () => {
    door = await startTestListener({ patience: { clientMs: 1_500 } });
    const sockets = watchSockets(door.smtpPort);
    const client = await helloed();
    await client.ask(AUTH);
    const socket = sockets.seen()!;
    sockets.stop();
    // Before it is ended: what comes after that is read too, and thrown away.
    const atTheEnd = new Promise<{ waiting: number; read: number; isFull: boolean }>(resolve => {
      socket.prependOnceListener('timeout', () =>
        resolve({ waiting: socket.writableLength, read: socket.bytesRead, isFull: socket.writableNeedDrain }),
      );
    });
    client.stopReading();
    client.send(Buffer.alloc(60_000_000, 'VRFY a@b.example\r\n'));
    const { waiting, read, isFull } = await atTheEnd;
    expect(isFull).toBe(true);
    expect(waiting).toBeLessThan(200_000);
    expect(read).toBeLessThan(30_000_000);
    await eventually(() => expect(socket.destroyed).toBe(true));
  });
});
