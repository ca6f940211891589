/**
 * Local delivery reports names without a domain. The report, its header and the returned message usually know the whole
 * address; failing them, the name is one of the reporter's own users.
 */
import { addressOf, domainOf, findAddresses, localPartOf } from './address.ts';
import type { FreeformInput } from './family.ts';

export function completeName(name: string | null, said: string, input: FreeformInput): string | null {
  if (name === null || name.includes('@')) return name;
  const known = [...findAddresses(said, 50), ...input.failed, ...input.mailed];
  const fits = known.find(one => localPartOf(one).toLowerCase() === name.toLowerCase());
  if (fits) return fits;
  if (input.failed.length === 1) return input.failed[0]!;
  const reporter = addressOf(input.message.header.get('from'));
  return isName(name) && reporter ? `${name}@${domainOf(reporter)}` : null;
}

export function isName(text: string): boolean {
  return text.length <= 64 && /^[\w.+-]+$/.test(text);
}
