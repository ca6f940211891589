// Where replies and returned mail go: MX of the sending domain, and of the domain of our return paths.
import type { Resolve } from '../../src/platform/resolver.ts';
import { askAlias, askExchanges } from './dns-answer.ts';
import { type Finding, unchecked } from './finding.ts';

/** Sending works without; replies do not. */
export async function checkExchange(resolve: Resolve, domain: string): Promise<Finding> {
  const answer = await askExchanges(resolve, domain);
  const about = { about: 'mx', name: domain, required: false, publish: null } as const;
  if (answer.kind === 'failed') return { ...unchecked('mx', domain, answer.code), required: false };
  if (answer.kind === 'absent')
    return { ...about, status: 'missing', rule: 'mx-missing', detail: 'there is no MX: replies may not arrive' };
  const hosts = answer.records.map(({ exchange }) => exchange);
  // RFC 7505: one record, whose host is the root.
  if (hosts.every(host => host === '' || host === '.'))
    return {
      ...about,
      status: 'different',
      rule: 'mx-null',
      detail: 'says that it takes no mail: replies cannot arrive',
    };
  return { ...about, status: 'found', rule: 'mx-found', detail: `replies go to ${hosts.join(', ')}` };
}

/** Bounces must arrive: at us, or where a CNAME says. */
export async function checkReturnPath(resolve: Resolve, domain: string, hostname: string): Promise<Finding> {
  const answer = await askExchanges(resolve, domain);
  const about = { about: 'return-path', name: domain, required: true } as const;
  if (answer.kind === 'failed') return unchecked('return-path', domain, answer.code);
  if (answer.kind === 'records' && answer.records.some(({ exchange }) => exchange !== '' && exchange !== '.')) {
    const detail = `returned mail goes to ${answer.records.map(({ exchange }) => exchange).join(', ')}`;
    return { ...about, status: 'found', rule: 'return-path-found', detail, publish: null };
  }
  const publish = { name: domain, type: 'MX' as const, value: `10 ${hostname}` };
  if (answer.kind === 'records')
    return {
      ...about,
      status: 'different',
      rule: 'return-path-null-mx',
      detail: 'says that it takes no mail',
      publish,
    };
  const alias = await askAlias(resolve, domain);
  return alias.kind === 'records'
    ? {
        ...about,
        status: 'different',
        rule: 'return-path-alias',
        detail: `is a CNAME to ${alias.records[0]}, which has no MX`,
        publish,
      }
    : {
        ...about,
        status: 'missing',
        rule: 'return-path-missing',
        detail: 'there is no MX: mail that comes back is lost',
        publish,
      };
}
