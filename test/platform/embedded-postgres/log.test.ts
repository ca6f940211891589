import { PassThrough } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { readServerLog } from '../../../src/platform/embedded-postgres/log.ts';

const LINES = [
  'LOG:  starting PostgreSQL 18.4',
  'WARNING:  out of shared memory',
  'ERROR:  duplicate key value violates unique constraint "suppression_key"',
  'DETAIL:  Key (address)=(a@example.org) already exists.',
  'STATEMENT:  insert into suppression values ($1)',
  'FATAL:  the database system is starting up',
  'FATAL:  could not create lock file',
  'HINT:  Is the disk full?',
  'PANIC:  could not write to file "pg_wal/xlogtemp.1": No space left on device',
  'bare words of the loader',
];

it('passes on WARNING and above, without what early clients are told and the lines that quote rows and statements', async () => {
  const { passed } = await read('ready');
  expect(passed).toEqual([
    'warn WARNING out of shared memory',
    'warn ERROR duplicate key value violates unique constraint "suppression_key"',
    'warn FATAL could not create lock file',
    'error PANIC could not write to file "pg_wal/xlogtemp.1": No space left on device',
  ]);
});

it.each(['starting', 'stopping'] as const)(
  'does not report the clients that a server turns away while %s',
  async state => {
    const { passed } = await read(state);
    expect(passed.filter(line => line.includes('FATAL'))).toEqual([]);
  },
);

it('gives the fatal message and what follows it as the reason of a failed start', async () => {
  const { reason } = await read('starting');
  expect(reason).toBe(
    'FATAL: could not create lock file; HINT: Is the disk full?; PANIC: could not write to file "pg_wal/xlogtemp.1": No space left on device',
  );
});

async function read(state: 'starting' | 'ready' | 'stopping') {
  const passed: string[] = [];
  const at = (level: string) => (fields: object) => {
    const { severity, text } = fields as { severity: string; text: string };
    passed.push(`${level} ${severity} ${text}`);
  };
  const stream = new PassThrough();
  const serverLog = readServerLog(stream, { info: at('info'), warn: at('warn'), error: at('error') });
  if (state !== 'starting') serverLog.settle(state);
  stream.end(`${LINES.join('\n')}\n`);
  while (!stream.readableEnded) await setImmediate();
  await setImmediate();
  return { passed, reason: serverLog.reason() };
}
