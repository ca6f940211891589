// Who may say for whom it asks: proxies that we were told of. Of what X-Forwarded-For has, that is the last address which is
// none of theirs; whatever stands before it, a client can have written itself.
import { isIn, parseAddress, parseNetwork } from '../platform/networks.ts';

export type IsProxy = (address: string) => boolean;

export function proxiesIn(networks: readonly string[]): IsProxy {
  const known = networks.map(parseNetwork);
  return address => {
    const parsed = parseAddress(address);
    return parsed !== null && known.some(network => isIn(network, parsed));
  };
}
