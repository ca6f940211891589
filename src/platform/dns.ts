// Look-ups through the resolvers that the operator names, in the shape that net.connect wants.
import { Resolver } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';

/** undefined = the system's own way, /etc/hosts included. */
export function createLookup(servers: readonly string[] | null): LookupFunction | undefined {
  if (!servers || servers.length === 0) return undefined;
  const resolver = new Resolver({ timeout: 5_000, tries: 2 });
  resolver.setServers(servers);
  return (hostname, options, callback) => {
    if (isIP(hostname)) {
      callback(null, [{ address: hostname, family: isIP(hostname) }]);
      return;
    }
    resolver.resolve4(hostname, (error4, v4 = []) => {
      resolver.resolve6(hostname, (error6, v6 = []) => {
        const all = [...v4.map(address => ({ address, family: 4 })), ...v6.map(address => ({ address, family: 6 }))];
        // Whoever goes out from an address of one family can reach only that.
        const found = all.filter(({ family }) => !options.family || family === options.family);
        if (found.length === 0) callback(error4 ?? error6 ?? new Error(`${hostname} has no address`), '', 0);
        else if (options.all) callback(null, found);
        else callback(null, found[0]!.address, found[0]!.family);
      });
    });
  };
}
