import type { Settings } from '../../platform/settings.ts';

export function upstreamNames({ POSTERN_UPSTREAMS }: Pick<Settings, 'POSTERN_UPSTREAMS'>): string[] {
  return (POSTERN_UPSTREAMS ?? []).map(({ name }) => name);
}

/** For whoever named another one. */
export function whichThereAre(settings: Pick<Settings, 'POSTERN_UPSTREAMS'>): string {
  return `there are ${upstreamNames(settings).join(', ') || 'none'} (POSTERN_UPSTREAMS)`;
}
