// pino with the few things that must hold for every line: secrets are struck out in one place, times are ISO.
import { type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/** Fields that never reach a log line, at the top or one level down. */
const SECRET_FIELDS = ['password', 'token', 'secret', 'authorization', 'url'];

export function createLog(level: string, destination?: { write(line: string): void }): Logger {
  const options = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describeError },
    redact: { paths: SECRET_FIELDS.flatMap(field => [field, `*.${field}`]), censor: '…' },
  };
  // Standard error, so that what a command prints stays its own; not one write for each line under load.
  return pino(options, destination ?? pino.destination({ dest: 2, sync: false }));
}

/** pg hangs its whole client on its errors, connection parameters and all: what a reader needs is this. */
function describeError(error: Error & { code?: unknown }) {
  const { name: type, message, code, stack } = error;
  return { type, message, ...(code === undefined ? {} : { code }), stack };
}
