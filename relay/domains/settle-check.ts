// What a check changes: keys that were seen begin to sign, keys whose record is gone are forgotten, and what became
// different is written down once, in the row and as an event.
import type { Kysely } from 'kysely';
import type { Logger } from '../../src/platform/log.ts';
import { activateKeys, forgetKeys } from '../../src/store/dkim-keys.ts';
import { type Domain, recordCheck } from '../../src/store/domains.ts';
import type { Database } from '../../src/store/schema.ts';
import type { DomainCheck } from './check.ts';
import type { Finding } from './finding.ts';

/** As it stands in domains.result. */
export type RecordedCheck = { readonly state: 'ok' | 'broken'; readonly findings: readonly Finding[] };

/** Selectors that sign from now on. */
export async function settleCheck(
  db: Kysely<Database>,
  { domain, result }: Pick<Domain, 'domain' | 'result'>,
  check: DomainCheck,
  log: Logger,
): Promise<readonly string[]> {
  const signing = await activateKeys(db, domain, check.seen);
  if (signing.length > 0) log.info({ event: 'dkim-key-signs', domain, selectors: signing }, 'keys sign from now on');
  if (check.gone.length > 0) await forgetKeys(db, domain, check.gone);
  // A resolver that is away says nothing about the domain: what was known before stays.
  if (check.state === 'unchecked') {
    log.warn({ event: 'domain-unchecked', domain }, 'the DNS does not answer');
    return signing;
  }
  const recorded: RecordedCheck = { state: check.state, findings: check.findings };
  const change = changeOf(result as RecordedCheck | null, recorded);
  await recordCheck(
    db,
    domain,
    recorded,
    change && { kind: change.kind, data: { problems: change.problems, solved: change.solved } },
  );
  if (change?.kind === 'domain-broken')
    log.warn(
      { event: 'domain-broken', domain, problems: change.problems, solved: change.solved },
      'records are missing or wrong',
    );
  if (change?.kind === 'domain-ok')
    log.info({ event: 'domain-ok', domain, solved: change.solved }, 'all records are well');
  return signing;
}

type Change = {
  readonly kind: 'domain-ok' | 'domain-broken';
  /** `spf-missing example.com`: all that there are now. */
  readonly problems: readonly string[];
  readonly solved: readonly string[];
};

/** Null when nothing that is required became different. */
function changeOf(before: RecordedCheck | null, after: RecordedCheck): Change | null {
  const old = before === null ? [] : problemsOf(before);
  const problems = problemsOf(after);
  const solved = old.filter(problem => !problems.includes(problem));
  const isSame =
    before?.state === after.state && solved.length === 0 && problems.every(problem => old.includes(problem));
  return isSame ? null : { kind: `domain-${after.state}`, problems, solved };
}

function problemsOf({ findings }: RecordedCheck): string[] {
  return findings
    .filter(({ required, status }) => required && (status === 'missing' || status === 'different'))
    .map(({ rule, name }) => `${rule} ${name}`);
}
