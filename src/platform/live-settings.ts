// Which settings can change while the gateway runs, and which wait for its next start. Pure.
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { SETTINGS, type SettingName, type Settings } from './settings.ts';

const LIVE: ReadonlySet<SettingName> = new Set([
  'POSTERN_UPSTREAMS',
  'POSTERN_ROUTES',
  'POSTERN_LIFETIMES',
  'POSTERN_RETRY',
  'POSTERN_MAX_AGE',
]);

/** Equal where nothing differs that can change while the gateway runs. Nothing of a password is in it. */
export function digestOf(settings: Settings): string {
  const live = [...LIVE].map(name => [name, settings[name]]);
  const text = JSON.stringify(live, (key, value) => (key === 'password' ? null : value));
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

export type Change = {
  /** What holds from now on. */
  readonly settings: Settings;
  readonly now: readonly SettingName[];
  readonly afterRestart: readonly SettingName[];
};

export function changeOf(current: Settings, wanted: Settings): Change {
  const changed = (Object.keys(SETTINGS) as SettingName[]).filter(
    name => !isDeepStrictEqual(current[name], wanted[name]),
  );
  // Between capturing and sending lies a restart: which of the two it is stands in every message that was taken.
  const isLive = (name: SettingName) =>
    LIVE.has(name) && (name !== 'POSTERN_UPSTREAMS' || (current[name] !== null && wanted[name] !== null));
  const afterRestart = changed.filter(name => !isLive(name));
  const kept = Object.fromEntries(afterRestart.map(name => [name, current[name]]));
  return { settings: { ...wanted, ...kept }, now: changed.filter(isLive), afterRestart };
}
