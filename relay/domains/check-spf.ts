// The SPF record of a domain that stands in return paths: one, not too long, and naming whoever sends for it.
import ipaddr from 'ipaddr.js';
import type { Resolve } from '../../src/platform/resolver.ts';
import { quote } from './dkim-record.ts';
import { askAddresses, askExchanges, askTexts } from './dns-answer.ts';
import { type Finding, unchecked } from './finding.ts';
import type { Sender } from './providers.ts';
import { mergeSpf, parseSpf, spfRecords } from './spf-record.ts';
import { MAX_LOOK_UPS, type SpfWalk, walkSpf } from './spf-walk.ts';

/** One finding for the record, and one for each thing that is only advised. */
export async function checkSpf(resolve: Resolve, domain: string, senders: readonly Sender[]): Promise<Finding[]> {
  const answer = await askTexts(resolve, domain);
  if (answer.kind === 'failed') return [unchecked('spf', domain, answer.code)];
  const records = answer.kind === 'records' ? spfRecords(answer.records) : [];
  const about = (finding: Omit<Finding, 'about' | 'name'>): Finding => ({ about: 'spf', name: domain, ...finding });
  const wrong = (rule: string, detail: string, missing: readonly string[] = []): Finding =>
    about({ status: 'different', required: true, rule, detail, publish: proposal(domain, records, missing) });

  const known = senders.flatMap(({ term }) => (term === null ? [] : [term]));
  if (records.length === 0) {
    const hint =
      senders.every(({ term }) => term !== null) && senders.length > 0
        ? ''
        : '; add the addresses that your mail leaves from';
    const detail = `there is no SPF record${hint}`;
    return [
      about({
        status: 'missing',
        required: true,
        rule: 'spf-missing',
        detail,
        publish: proposal(domain, [], known.length > 0 ? known : ['mx']),
      }),
    ];
  }
  if (records.length > 1)
    return [
      wrong(
        'spf-two-records',
        `${records.length} SPF records: receivers use none of them (RFC 7208 section 3.2); publish one`,
        known,
      ),
    ];
  const terms = parseSpf(records[0]!);
  if ('bad' in terms) return [{ ...wrong('spf-syntax', `${quote(terms.bad)} is no SPF term`), publish: null }];
  if (terms.some(term => term.kind === 'mechanism' && term.name === 'all' && term.qualifier === '+'))
    return [wrong('spf-plus-all', '+all lets everybody send as this domain', known)];

  const walk = await walkSpf(resolve, domain, terms);
  const missing: Sender[] = [];
  const doubtful: string[] = [...walk.unanswered];
  for (const sender of senders) {
    const covered = await covers(resolve, walk, sender);
    if (covered === 'no') missing.push(sender);
    if (covered === 'unknown') doubtful.push(sender.host);
  }
  return judge();

  function judge(): Finding[] {
    const required = missing.filter(sender => sender.required);
    const optional = missing.filter(sender => !sender.required);
    const termsOf = (list: readonly Sender[]) => list.map(({ term }) => term!);
    const found: Finding[] = [];
    if (walk.broken.length > 0)
      found.push({
        ...wrong('spf-broken-include', `${walk.broken.join('; ')}: receivers take the whole record for an error`),
        publish: null,
      });
    if (walk.lookUps > MAX_LOOK_UPS)
      found.push({
        ...wrong(
          'spf-look-ups',
          `needs ${walk.lookUps} look-ups; receivers stop at ${MAX_LOOK_UPS} (RFC 7208 section 4.6.4): take out what no longer sends`,
        ),
        publish: null,
      });
    if (required.length > 0)
      found.push(wrong('spf-sender-missing', `does not let ${list(required)} send`, termsOf(missing)));
    if (found.length === 0 && doubtful.length > 0)
      found.push(unchecked('spf', domain, `no answer for ${doubtful.join(', ')}`));
    if (found.length === 0)
      found.push(
        about({
          status: 'found',
          required: true,
          rule: 'spf-found',
          detail: `is well: ${walk.lookUps} of ${MAX_LOOK_UPS} look-ups`,
          publish: null,
        }),
      );
    if (optional.length > 0 && required.length === 0)
      found.push({
        ...wrong(
          'spf-sender-advised',
          `does not name ${list(optional)}, which uses a return path of its own: advised, not needed`,
          termsOf(optional),
        ),
        required: false,
      });
    if (walk.passes.some(({ name }) => name === 'ptr'))
      found.push({
        ...wrong('spf-ptr', 'uses ptr, which many receivers ignore (RFC 7208 section 5.5)'),
        required: false,
        publish: null,
      });
    return found;
  }
}

function list(senders: readonly Sender[]): string {
  return senders.map(({ host, term }) => `${host} (${term})`).join(', ');
}

function proposal(domain: string, records: readonly string[], missing: readonly string[]) {
  return { name: domain, type: 'TXT' as const, value: mergeSpf(records, missing) };
}

/** Whether the record lets the sender pass: by name, or by addresses that it lists. */
async function covers(
  resolve: Resolve,
  { passes }: SpfWalk,
  { term, host }: Sender,
): Promise<'yes' | 'no' | 'unknown'> {
  if (term === null) return 'yes';
  const [name, value] = [term.slice(0, term.indexOf(':')), term.slice(term.indexOf(':') + 1).toLowerCase()];
  if (passes.some(pass => pass.name === name && pass.value === value)) return 'yes';
  if (name === 'include') return 'no';
  const networks = passes.filter(pass => pass.name === 'ip4' || pass.name === 'ip6').map(pass => pass.value);
  if (name !== 'a') return isWithin(value, networks) ? 'yes' : 'no';
  const exchanges = await exchangesOf(resolve, passes);
  if (exchanges.includes(host.toLowerCase())) return 'yes';
  const addresses = await askAddresses(resolve, value);
  if (addresses.kind === 'failed') return 'unknown';
  return addresses.kind === 'records' && addresses.records.every(address => isWithin(address, networks)) ? 'yes' : 'no';
}

async function exchangesOf(resolve: Resolve, passes: SpfWalk['passes']): Promise<string[]> {
  const names = passes.filter(({ name, value }) => name === 'mx' && !value.includes('/')).map(({ value }) => value);
  const answers = await Promise.all(names.map(name => askExchanges(resolve, name)));
  return answers.flatMap(answer =>
    answer.kind === 'records' ? answer.records.map(({ exchange }) => exchange.toLowerCase()) : [],
  );
}

function isWithin(address: string, networks: readonly string[]): boolean {
  const parsed = ipaddr.parse(address);
  return networks.some(network => {
    const [text, length] = network.split('/');
    if (!ipaddr.isValid(text!)) return false;
    const base = ipaddr.parse(text!);
    return base.kind() === parsed.kind() && parsed.match(base, Number(length ?? (base.kind() === 'ipv4' ? 32 : 128)));
  });
}
