// For doctor: where providers may report, and whether mail goes to them so that they can name our deliveries.
import { eventPaths } from '../../bounce/index.ts';
import { providerOfHost } from '../mail/provider.ts';
import type { ProviderKind } from '../mail/provider-fields.ts';
import type { Settings } from '../platform/settings.ts';
import { smartHosts } from '../platform/upstream-url.ts';
import type { Finding } from './finding.ts';

type PathSettings = Parameters<typeof eventPaths>[0] & Pick<Settings, 'POSTERN_HTTP_PORT' | 'POSTERN_UPSTREAMS'>;

/** Nothing to say where no provider is set up. */
export function checkEventPaths(settings: PathSettings): Finding[] {
  const upstreams = new Set(smartHosts(settings.POSTERN_UPSTREAMS ?? []).map(({ host }) => providerOfHost(host)));
  return eventPaths(settings).map((path): Finding => {
    if (settings.POSTERN_HTTP_PORT === null) {
      const todo = 'name a POSTERN_HTTP_PORT: there is no HTTP server that providers could reach';
      return { check: 'events', ok: false, detail: `${path} is not open`, todo };
    }
    const provider = path.split('/')[2] as ProviderKind;
    const ways = upstreams.has(provider) ? 'by our mark' : `by return path or Message-ID: no upstream is ${provider}’s`;
    return { check: 'events', ok: true, detail: `${path}, on port ${settings.POSTERN_HTTP_PORT}; tied ${ways}` };
  });
}
