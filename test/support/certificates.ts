// A certificate authority for a test, and certificates of its making.
import { generate } from 'selfsigned';
import type { Certificate } from './upstream.ts';

export type TestCa = {
  /** PEM, for whoever is to trust it. */
  readonly cert: string;
  /** For those names; with the authority's own certificate behind it, as a server shows them. */
  issue(...names: string[]): Promise<Certificate>;
};

const DAY_MS = 86_400_000;

export async function makeCa(name = 'Test CA', offsetMs = 0): Promise<TestCa> {
  const ca = await generate([{ name: 'commonName', value: name }], {
    ...validity(offsetMs),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return {
    cert: ca.cert,
    async issue(...names) {
      const made = await generate([{ name: 'commonName', value: names[0]! }], {
        ...validity(offsetMs),
        ca: { cert: ca.cert, key: ca.private },
        extensions: [{ name: 'subjectAltName', altNames: names.map(value => ({ type: 2 as const, value })) }],
      });
      return { cert: `${made.cert}\n${ca.cert}`, key: made.private };
    },
  };
}

/** `offsetMs` moves it out of its time. */
function validity(offsetMs: number) {
  const start = Date.now() + offsetMs - DAY_MS;
  const [notBeforeDate, notAfterDate] = [new Date(start), new Date(start + 2 * DAY_MS)];
  // Its default is SHA-1, which nobody who verifies takes.
  return { keyType: 'ec' as const, curve: 'P-256' as const, algorithm: 'sha256', notBeforeDate, notAfterDate };
}
