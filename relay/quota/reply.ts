// What an app is told when a quota is used up.
import { describeQuota, type QuotaRule } from '../../src/mail/quota.ts';
import { type Reply, reply } from '../../src/mail/reply.ts';

/** A reply line has 512 octets (RFC 5321 section 4.5.3.1.5); names of credentials may be long, and not ASCII. */
const MAX_NAME = 300;

/** RFC 3463 section 3.5: X.4.5, mail system congestion; as other providers answer at a quota. */
export function usedUp(quota: QuotaRule, retryAfterS: number): Reply {
  return reply(452, '4.4.5', `Quota of ${nameOf(quota)} is used up, retry after ${retryAfterS} s`);
}

/** Trying again would never help: the app must hear that, or it tries for days. */
export function neverFits(quota: QuotaRule, recipients: number): Reply {
  const text = `${recipients} recipients at once are more than the quota of ${nameOf(quota)} takes, send smaller messages`;
  return reply(554, '5.5.3', text);
}

function nameOf(quota: QuotaRule): string {
  const name = describeQuota(quota).replace(/[^\x20-\x7e]/g, '?');
  return name.length > MAX_NAME ? `${name.slice(0, MAX_NAME)}...` : name;
}
