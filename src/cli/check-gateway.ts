// For `postern doctor`: whether a gateway answers where these settings say. That none runs is no fault: commands work then too.
import type { Settings } from '../platform/settings.ts';
import type { Finding } from './finding.ts';

const ANSWERS_WITHIN_MS = 3_000;

/** Nothing to say where the settings have no HTTP port: that is the only thing that can be asked. */
export async function checkGateway({ POSTERN_HOST, POSTERN_HTTP_PORT }: Settings): Promise<Finding[]> {
  if (POSTERN_HTTP_PORT === null) return [];
  const where = `${reachable(POSTERN_HOST)}:${POSTERN_HTTP_PORT}`;
  const check = 'gateway';
  try {
    const { status, reason } = await askWhetherReady(where);
    if (status === 'ready') return [{ check, ok: true, detail: `takes mail (http://${where}/readyz)` }];
    const todo = 'docs/operations.md says what each reason means';
    if (status === 'not-ready') return [{ check, ok: false, detail: `takes no mail: ${reason}`, todo }];
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as { code?: string };
    if (code === 'ECONNREFUSED') return [{ check, ok: true, detail: 'does not run (`npm start`)' }];
  }
  const todo = 'check POSTERN_HOST and POSTERN_HTTP_PORT: another program may listen there';
  return [{ check, ok: false, detail: `something at ${where} does not answer as a gateway does`, todo }];
}

/** Whether a gateway runs there that takes mail. */
export async function isReady({ POSTERN_HOST, POSTERN_HTTP_PORT }: Settings): Promise<boolean> {
  if (POSTERN_HTTP_PORT === null) return false;
  const answer = await askWhetherReady(`${reachable(POSTERN_HOST)}:${POSTERN_HTTP_PORT}`).catch(() => null);
  return answer?.status === 'ready';
}

async function askWhetherReady(where: string): Promise<{ status?: string; reason?: string }> {
  const response = await fetch(`http://${where}/readyz`, { signal: AbortSignal.timeout(ANSWERS_WITHIN_MS) });
  return (await response.json()) as { status?: string; reason?: string };
}

/** Whoever listens on all addresses listens on this one. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
