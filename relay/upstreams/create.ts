// The upstream behind a URL of POSTERN_UPSTREAMS, with the parts that its kind needs.
import type { Upstream } from '../../src/mail/upstream.ts';
import { type Clock, systemClock } from '../../src/platform/clock.ts';
import { createLookup } from '../../src/platform/dns.ts';
import { createOutsideGet, type OutsideGet } from '../../src/platform/outside-get.ts';
import { createResolver } from '../../src/platform/resolver.ts';
import type { Settings } from '../../src/platform/settings.ts';
import type { DirectMxSettings, UpstreamSettings } from '../../src/platform/upstream-url.ts';
import { areServersLocal, createValidatedLookup } from '../../src/platform/validated-lookup.ts';
import { FileUpstream } from './file.ts';
import { createStsPolicies } from './mta-sts.ts';
import { MxUpstream } from './mx.ts';
import { plainDns, validatedDns } from './mx-dns.ts';
import { NullUpstream } from './null.ts';
import type { SharedPace } from './pacer.ts';
import { SmtpUpstream } from './smtp.ts';

/** What dispatchers have, and what tests do differently. */
export type UpstreamParts = {
  /** By which all processes keep to the upstream's pace together; without it, this one by itself. */
  readonly pace?: SharedPace | undefined;
  readonly clock?: Clock;
  /** Fetches policies of MTA-STS. */
  readonly get?: OutsideGet;
};

/** RFC 8461 section 3.3 has 64 KB; a minute it has, too, but a message waits for it. */
const POLICY_LIMITS = { maxBytes: 65_536, timeoutMs: 10_000 };

/** Throws when a file that the URL names cannot be used. */
export function createUpstream(
  upstream: UpstreamSettings,
  settings: Settings,
  hostname: string,
  parts: UpstreamParts = {},
): Upstream {
  switch (upstream.kind) {
    case 'smtp':
      return new SmtpUpstream({ settings: upstream, pace: parts.pace, ...sessionOptions(hostname, settings) });
    case 'mx':
      return createDirectMx(upstream, settings, hostname, parts);
    case 'file':
      return new FileUpstream(upstream, parts.clock ?? systemClock, parts.pace);
    case 'null':
      return new NullUpstream(upstream, parts.pace);
  }
}

function createDirectMx(upstream: DirectMxSettings, settings: Settings, hostname: string, parts: UpstreamParts) {
  const clock = parts.clock ?? systemClock;
  const { POSTERN_DNS_SERVERS: servers, POSTERN_UPSTREAM_TIMEOUT: deadlineMs } = settings;
  const resolve = createResolver({ servers, clock });
  const usesDane = upstream.dane === 'trust-ad' || (upstream.dane === 'auto' && areServersLocal(servers));
  return new MxUpstream({
    ...sessionOptions(hostname, settings),
    ...{ settings: upstream, hostname, clock, resolve, deadlineMs, random: Math.random, pace: parts.pace },
    dns: usesDane ? validatedDns(createValidatedLookup({ servers, clock })) : plainDns(resolve),
    findStsPolicy: createStsPolicies({
      ...{ resolve, clock },
      get: parts.get ?? createOutsideGet({ lookup: createLookup(servers) ?? null, ...POLICY_LIMITS }),
    }),
  });
}

function sessionOptions(clientName: string, { POSTERN_DNS_SERVERS, POSTERN_UPSTREAM_TIMEOUT }: Settings) {
  const lookup = createLookup(POSTERN_DNS_SERVERS);
  return {
    clientName,
    replyTimeoutMs: POSTERN_UPSTREAM_TIMEOUT,
    connectTimeoutMs: POSTERN_UPSTREAM_TIMEOUT / 10,
    ...(lookup ? { lookup } : {}),
  };
}
