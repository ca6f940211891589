// One host as a session sees it: where it is, how it is reached, and what its certificate and we have to prove.
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import { CertificateError } from '../../src/platform/tls-certificate.ts';
import type { SmartHostSettings, UpstreamTls } from '../../src/platform/upstream-url.ts';
import type { SocksProxy } from '../../src/platform/url-parameters.ts';
import type { Tlsa } from './dane.ts';

export type Target = {
  /** Name or address. */
  readonly host: string;
  readonly port: number;
  readonly tls: UpstreamTls;
  readonly certificate: CertificateRule;
  /** Asked for by SNI, and the name that the certificate must have. null = none, for an address. */
  readonly serverName: string | null;
  readonly login: Login | null;
  readonly sourceAddress: string | null;
  readonly proxy: SocksProxy | null;
};

export type CertificateRule =
  | { readonly kind: 'any' }
  /** One that fits the name, from somebody trusted: by the system, where the context is null. */
  | { readonly kind: 'trusted'; readonly context: SecureContext | null; readonly because: string | null }
  /** Judged, and what is wrong with it is only noted, with what was wrong before. */
  | {
      readonly kind: 'noted';
      readonly context: SecureContext | null;
      readonly because: string;
      readonly flaw: string | null;
    }
  | { readonly kind: 'dane'; readonly records: readonly Tlsa[]; readonly names: readonly string[] };

export type Login = {
  readonly user: string;
  readonly password: string;
  readonly method: SmartHostSettings['auth'];
  readonly tokenFile: string | null;
};

export const ANY_CERTIFICATE: CertificateRule = { kind: 'any' };

/** Throws when the `ca` file is none. */
export function targetOf(settings: SmartHostSettings): Target {
  const { host, port, tls, proxy, sourceAddress, user, password, auth: method, tokenFile } = settings;
  const context = loadTrust(settings.caFile);
  return {
    ...{ host, port, tls, proxy, sourceAddress },
    certificate: settings.verifyCertificate ? { kind: 'trusted', context, because: null } : ANY_CERTIFICATE,
    serverName: settings.serverName ?? (isName(host) ? host : null),
    login: user === null ? null : { user, password: password ?? '', method, tokenFile },
  };
}

/** null = those whom the system trusts. */
export function loadTrust(caFile: string | null): SecureContext | null {
  if (caFile === null) return null;
  try {
    const ca = readFileSync(caFile, 'utf8');
    // OpenSSL takes a file without certificates for an empty list, which would trust nobody without a word.
    if (!ca.includes('-----BEGIN CERTIFICATE-----')) throw new Error('no PEM certificate in it');
    return createSecureContext({ ca, minVersion: 'TLSv1.2' });
  } catch (cause) {
    throw new CertificateError(`POSTERN_UPSTREAMS: ca=${caFile} cannot be used: ${(cause as Error).message}`, {
      cause,
    });
  }
}

const isName = (host: string) => !/^[\d.]+$|:/.test(host);
