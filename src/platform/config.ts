// Reads the settings: environment first, then postern.yaml, then the default. A secret may come from `NAME_FILE`.
// All problems are reported together, each with an example.
import { readFileSync } from 'node:fs';
import { loadAll as parseYaml } from 'js-yaml';
import { unknownUpstreams } from './route-rules.ts';
import { SETTINGS, type Setting, type SettingName, type Settings } from './settings.ts';

export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(
      `${problems.length === 1 ? 'a setting is' : `${problems.length} settings are`} wrong:\n  ${problems.join('\n  ')}`,
    );
    this.problems = problems;
  }
}

const MOST_SHOWN = 200;

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws `ConfigError` with every problem at once. */
export function loadSettings(environment: Environment): Settings {
  const problems: string[] = [];
  const file = readConfigFile(environment.POSTERN_CONFIG, problems);
  const settings: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(SETTINGS) as [SettingName, Setting][]) {
    const raw = rawValue(name, environment, file, problems) ?? setting.default;
    if (raw === null) {
      settings[name] = null;
      continue;
    }
    const parsed = setting.schema.safeParse(raw);
    if (parsed.success) settings[name] = parsed.data;
    else problems.push(complaint(name, setting, raw, parsed.error.issues));
  }
  problems.push(...contradictions(settings as Settings), ...unknownNames(environment, file));
  if (problems.length > 0) throw new ConfigError(problems);
  return settings as Settings;
}

function readConfigFile(path: string | undefined, problems: string[]): Record<string, unknown> {
  if (!path) return {};
  try {
    // A file without anything but comments has no document at all.
    const [parsed = {}, ...others] = parseYaml(readFileSync(path, 'utf8'));
    if (isMap(parsed) && others.length === 0) return parsed as Record<string, unknown>;
    problems.push(`POSTERN_CONFIG: ${path} is not a list of NAME: value`);
  } catch (error) {
    problems.push(`POSTERN_CONFIG: ${path} cannot be read: ${(error as Error).message.split('\n')[0]}`);
  }
  return {};
}

function isMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Empty counts as absent: that is how compose files and shells unset a variable. */
function rawValue(name: string, environment: Environment, file: Record<string, unknown>, problems: string[]) {
  if (environment[name]) return environment[name];
  const secretPath = environment[`${name}_FILE`] ?? file[`${name}_FILE`];
  if (secretPath) {
    try {
      return readFileSync(String(secretPath), 'utf8').trim();
    } catch (error) {
      problems.push(`${name}_FILE: ${(error as Error).message}`);
    }
  }
  const value = file[name];
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value)) return String(value);
  return value.some(item => typeof item === 'object') ? JSON.stringify(value) : value.join(',');
}

function complaint(name: string, setting: Setting, raw: string, issues: readonly { message: string }[]): string {
  // A list of rules is not read again as one line: what is wrong names the rule.
  const shown = setting.secret || raw.length > MOST_SHOWN ? '' : ` ${JSON.stringify(raw)}`;
  return `${name}:${shown} ${issues.map(issue => issue.message).join('; ')} (example: ${name}=${setting.example})`;
}

function contradictions(settings: Settings): string[] {
  const problems: string[] = [];
  if (Boolean(settings.POSTERN_TLS_CERT) !== Boolean(settings.POSTERN_TLS_KEY)) {
    problems.push('POSTERN_TLS_CERT and POSTERN_TLS_KEY: one without the other (example: both as PEM files)');
  }
  if (
    settings.POSTERN_MODE === 'live' &&
    settings.POSTERN_UPSTREAMS === null &&
    settings.POSTERN_ROLES?.has('dispatcher')
  ) {
    problems.push(
      `POSTERN_MODE: live needs POSTERN_UPSTREAMS (example: POSTERN_UPSTREAMS=${SETTINGS.POSTERN_UPSTREAMS.example})`,
    );
  }
  const upstreams = new Set((settings.POSTERN_UPSTREAMS ?? []).map(({ name }) => name));
  if (settings.POSTERN_UPSTREAMS) {
    for (const problem of unknownUpstreams(settings.POSTERN_ROUTES ?? [], upstreams)) {
      problems.push(`POSTERN_ROUTES: ${problem} of POSTERN_UPSTREAMS (these are: ${[...upstreams].join(', ')})`);
    }
  }
  if (typeof settings.POSTERN_BOUNCE_SMTP_PORT === 'number' && settings.POSTERN_RETURN_PATH_DOMAIN === null) {
    problems.push(
      `POSTERN_BOUNCE_SMTP_PORT: takes mail for POSTERN_RETURN_PATH_DOMAIN, which is missing (example: POSTERN_RETURN_PATH_DOMAIN=${SETTINGS.POSTERN_RETURN_PATH_DOMAIN.example})`,
    );
  }
  return problems;
}

/** A misspelt setting is a setting that silently does nothing; those of other programs are none of our business. */
function unknownNames(environment: Environment, file: Record<string, unknown>): string[] {
  const ours = Object.keys(environment).filter(name => name.startsWith('POSTERN_') && name !== 'POSTERN_CONFIG');
  return [...ours, ...Object.keys(file)]
    .filter(name => !Object.hasOwn(SETTINGS, name.replace(/_FILE$/, '')))
    .map(name => `${name}: no such setting (docs/settings.md lists them)`);
}
