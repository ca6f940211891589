import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

export type EmbeddedLog = {
  info(fields: object, msg: string): void;
  warn(fields: object, msg: string): void;
  error(fields: object, msg: string): void;
};

export type ServerLog = {
  /** Why the server did not come up, in one line: the fatal message if there is one, else the last lines. */
  reason(): string;
  /** From now on nobody will ask for the reason. */
  settle(state: 'ready' | 'stopping'): void;
};

/**
 * Reads what PostgreSQL writes to stderr, line by line, and passes on what is a WARNING or worse. An ERROR is a statement
 * of ours that failed, a FATAL ends one connection: their callers know, so both are warnings here. A PANIC needs a person.
 * A FATAL before the server is ready belongs to `reason()`, or, as those of a shutdown, to clients who come at that moment.
 * DETAIL, HINT and CONTEXT lines can quote rows and are used only in `reason()`, while the server comes up.
 */
export function readServerLog(stream: Readable, log: EmbeddedLog): ServerLog {
  let state: 'starting' | 'ready' | 'stopping' = 'starting';
  let last: string[] = [];
  createInterface({ input: stream }).on('line', line => {
    if (EARLY_CLIENT.test(line)) return;
    if (state === 'starting') last = [...last, line].slice(-KEPT_LINES);
    const [, severity, text] = LABELLED.exec(line) ?? [];
    if (severity === 'PANIC') log.error({ event: 'database-message', severity, text }, 'PostgreSQL panicked');
    else if (severity === 'WARNING' || severity === 'ERROR' || (severity === 'FATAL' && state === 'ready')) {
      log.warn({ event: 'database-message', severity, text }, 'PostgreSQL reports a problem');
    }
  });
  return {
    reason: () => reasonIn(last),
    settle: next => {
      state = next;
      last = [];
    },
  };
}

const KEPT_LINES = 20;
/** Told to a client that connects before the server is ready: not why a start fails, and often read when it is ready. */
const EARLY_CLIENT = /^FATAL: +the database system is /;
const LABELLED = /^(DEBUG\d?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|CONTEXT|QUERY|STATEMENT): +(.*)$/;

function reasonIn(lines: readonly string[]): string {
  const start = lines.findIndex(line => /^(FATAL|PANIC):/.test(line));
  const chosen = start < 0 ? lines.slice(-3) : lines.slice(start, start + 3);
  return chosen.map(line => line.trim().replace(/: +/, ': ')).join('; ') || 'it said nothing';
}
