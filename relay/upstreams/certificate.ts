// What a certificate must be, told to node and judged afterwards where node cannot.
import { isIP } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { daneObjection } from './dane.ts';
import type { CertificateRule, Target } from './target.ts';

export function tlsOptions({ certificate, serverName, host }: Target): ConnectionOptions {
  const context = 'context' in certificate ? certificate.context : null;
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: certificate.kind === 'trusted',
    ...(context ? { secureContext: context } : {}),
    // What the certificate is compared with; an address must stand in it as such.
    ...(serverName && !isIP(serverName) ? { servername: serverName, host: serverName } : { host }),
  };
}

/** What its judgement was based on, for people; null where nothing was asked. Throws when it will not do. */
export function judgeCertificate(socket: TLSSocket, rule: CertificateRule): string | null {
  switch (rule.kind) {
    case 'any':
      return null;
    case 'trusted':
      return rule.because;
    case 'noted': {
      const flaws = [rule.flaw, socket.authorized ? null : whyNot(socket)].filter(flaw => flaw !== null);
      return flaws.length === 0 ? rule.because : `${rule.because} would fail: ${flaws.join(', ')}`;
    }
    case 'dane': {
      const objection = daneObjection(socket, rule);
      if (objection) throw new Error(objection);
      return 'DANE';
    }
  }
}

/** An Error, whatever its declared type says, and sometimes only its code. */
function whyNot({ authorizationError }: TLSSocket): string {
  const error: unknown = authorizationError;
  return error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error);
}
