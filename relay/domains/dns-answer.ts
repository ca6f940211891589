// What the DNS says about a name. Records, none, and no answer are three things: whoever takes the third for the second
// tells people to publish what is there.
import { isAbsent, type RecordType, type Resolve } from '../../src/platform/resolver.ts';

export type Answer<T> =
  | { readonly kind: 'records'; readonly records: readonly T[] }
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly code: string };

export type MailExchange = { readonly exchange: string; readonly priority: number };

/** Each record's strings joined (RFC 7208 section 3.3, RFC 6376 section 3.6.2.2). */
export async function askTexts(resolve: Resolve, name: string): Promise<Answer<string>> {
  const answer = await ask<readonly string[]>(resolve, name, 'TXT');
  return answer.kind === 'records' ? { ...answer, records: answer.records.map(strings => strings.join('')) } : answer;
}

export function askExchanges(resolve: Resolve, name: string): Promise<Answer<MailExchange>> {
  return ask(resolve, name, 'MX');
}

export function askAlias(resolve: Resolve, name: string): Promise<Answer<string>> {
  return ask(resolve, name, 'CNAME');
}

/** IPv4 and IPv6. */
export async function askAddresses(resolve: Resolve, name: string): Promise<Answer<string>> {
  const [v4, v6] = await Promise.all([ask<string>(resolve, name, 'A'), ask<string>(resolve, name, 'AAAA')]);
  const records = [v4, v6].flatMap(answer => (answer.kind === 'records' ? answer.records : []));
  if (records.length > 0) return { kind: 'records', records };
  return v4.kind === 'failed' ? v4 : v6;
}

async function ask<T>(resolve: Resolve, name: string, type: RecordType): Promise<Answer<T>> {
  try {
    const records = (await resolve(name, type)) as T[];
    return records.length > 0 ? { kind: 'records', records } : { kind: 'absent' };
  } catch (error) {
    return isAbsent(error) ? { kind: 'absent' } : { kind: 'failed', code: String((error as { code?: string }).code) };
  }
}
