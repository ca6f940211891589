// Which quotas apply to a message, out of a list that is kept in memory. Pure. What most mail gets is "none", and that
// takes a look-up or four.
import { foldDomain } from '../../src/mail/address.ts';
import type { Identity, Stream } from '../../src/mail/submission.ts';
import type { Quota } from '../../src/store/quotas.ts';

/** Whose mail it is; what is known of a message before its recipients are. */
export type Sender = {
  readonly identity: Pick<Identity, 'credentialId' | 'tenantId'>;
  /** Null: not known yet; quotas of one stream are left out then. */
  readonly stream: Stream | null;
};

export type Addressed = { readonly n: number; readonly domain: string };

export type Match = {
  /** Quotas that every recipient falls under. */
  readonly common: readonly Quota[];
  /** Recipients with the same quotas for their domain, mostly none. */
  readonly groups: readonly { readonly recipients: readonly number[]; readonly quotas: readonly Quota[] }[];
};

export type QuotaIndex = {
  readonly applies: (sender: Sender, domains: readonly string[]) => boolean;
  /** Quotas of any domain. */
  readonly common: (sender: Sender) => Quota[];
  readonly match: (sender: Sender, recipients: readonly Addressed[]) => Match;
};

export function indexQuotas(quotas: readonly Quota[]): QuotaIndex {
  // Each quota stands under what few messages have in common.
  const byDomain = Map.groupBy(quotas.filter(isOfDomain), quota => quota.recipientDomain!);
  const others = quotas.filter(quota => !isOfDomain(quota));
  const byCredential = Map.groupBy(others, quota => quota.credentialId);
  const byTenant = Map.groupBy(byCredential.get(null) ?? [], quota => quota.tenantId);
  const byStream = Map.groupBy(byTenant.get(null) ?? [], quota => quota.stream);

  return { applies, common, match };

  function applies(sender: Sender, domains: readonly string[]): boolean {
    if (quotas.length === 0) return false;
    return common(sender).length > 0 || domains.some(domain => ofDomain(sender, foldDomain(domain)).length > 0);
  }

  function common(sender: Sender): Quota[] {
    const { credentialId, tenantId } = sender.identity;
    return [byCredential.get(credentialId), byTenant.get(tenantId), byStream.get(sender.stream)]
      .flatMap(found => found ?? [])
      .filter(quota => covers(quota, sender));
  }

  function ofDomain(sender: Sender, domain: string): Quota[] {
    return byDomain.get(domain)?.filter(quota => covers(quota, sender)) ?? [];
  }

  function match(sender: Sender, recipients: readonly Addressed[]): Match {
    const byKey = Map.groupBy(recipients, ({ domain }) => {
      const key = foldDomain(domain);
      return ofDomain(sender, key).length > 0 ? key : '';
    });
    const groups = [...byKey].map(([key, own]) => ({
      recipients: own.map(({ n }) => n),
      quotas: ofDomain(sender, key),
    }));
    return { common: common(sender), groups };
  }
}

const isOfDomain = (quota: Quota) => quota.recipientDomain !== null;

function covers({ credentialId, tenantId, stream }: Quota, sender: Sender): boolean {
  return (
    (credentialId === null || credentialId === sender.identity.credentialId) &&
    (tenantId === null || tenantId === sender.identity.tenantId) &&
    (stream === null || stream === sender.stream)
  );
}
