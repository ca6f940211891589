// Reads the settings: environment first, then postern.yaml, then the default. A secret may come from `NAME_FILE`.
// All problems are reported together, each with an example.
import { readFileSync } from 'node:fs';
import { loadAll as parseYaml, dump as writeYaml } from 'js-yaml';
import { nearestWord } from './nearest-word.ts';
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
export type JudgedSettings = { readonly settings: Settings; readonly problems: readonly string[] };
type ConfigFile = { readonly values: Record<string, unknown>; readonly problem: string | null };

/** Throws `ConfigError` with every problem at once. */
export function loadSettings(environment: Environment): Settings {
  const { settings, problems } = judgeSettings(environment);
  if (problems.length > 0) throw new ConfigError(problems);
  return settings;
}

/**
 * For whoever needs few of them, and is wanted most when something is wrong: a setting that is wrong throws `ConfigError`
 * when it is read, the others can be relied upon.
 */
export function judgeSettings(environment: Environment): JudgedSettings {
  const file = readConfigFile(environment.POSTERN_CONFIG);
  const right: Partial<Record<SettingName, unknown>> = {};
  const wrong = new Map<SettingName, string>();
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const read = readSetting(name, environment, file);
    if ('value' in read) right[name] = read.value;
    else wrong.set(name, read.problem);
  }
  const others = [...contradictions(right as Partial<Settings>), ...unknownNames(environment, file.values)];
  const problems = [...new Set([file.problem, ...wrong.values(), ...others])].filter(problem => problem !== null);
  return { settings: withWrong(right, wrong), problems };
}

function withWrong(right: object, wrong: ReadonlyMap<SettingName, string>): Settings {
  for (const [name, problem] of wrong) {
    const get = () => {
      throw new ConfigError([problem]);
    };
    Object.defineProperty(right, name, { get, enumerable: true });
  }
  return right as Settings;
}

function readSetting(name: SettingName, environment: Environment, file: ConfigFile) {
  const setting: Setting = SETTINGS[name];
  let raw: string | null;
  try {
    raw = rawValue(name, environment, file.values);
  } catch (error) {
    return { problem: `${name}_FILE: ${(error as Error).message}` };
  }
  // It may stand in what cannot be read.
  if (raw === null && file.problem !== null) return { problem: file.problem };
  const isInFile = raw !== null && !environment[name] && file.values[name] !== undefined;
  raw ??= setting.default;
  if (raw === null) return { value: null };
  const parsed = setting.schema.safeParse(raw);
  return parsed.success
    ? { value: parsed.data }
    : { problem: complaint(name, setting, raw, parsed.error.issues, isInFile) };
}

function readConfigFile(path: string | undefined): ConfigFile {
  if (!path) return { values: {}, problem: null };
  try {
    // A file without anything but comments has no document at all.
    const [parsed = {}, ...others] = parseYaml(readFileSync(path, 'utf8'));
    if (isMap(parsed) && others.length === 0) return { values: parsed as Record<string, unknown>, problem: null };
    return { values: {}, problem: `POSTERN_CONFIG: ${path} is not a list of NAME: value` };
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0];
    return { values: {}, problem: `POSTERN_CONFIG: ${path} cannot be read: ${reason}` };
  }
}

function isMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Empty counts as absent: that is how compose files and shells unset a variable. Throws where a secret's file cannot be read. */
function rawValue(name: string, environment: Environment, file: Record<string, unknown>): string | null {
  if (environment[name]) return environment[name];
  const secretPath = environment[`${name}_FILE`] ?? file[`${name}_FILE`];
  if (secretPath) return readFileSync(String(secretPath), 'utf8').trim();
  const value = file[name];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'object') return String(value);
  const isList = Array.isArray(value) && value.every(item => typeof item !== 'object');
  return isList && !isRules(name) ? value.join(',') : JSON.stringify(value);
}

function isRules(name: string): boolean {
  const setting: Setting | undefined = SETTINGS[name as SettingName];
  return setting?.isRules ?? false;
}

type Issue = { readonly message: string; readonly params?: { readonly page?: unknown } | undefined };

function complaint(name: string, setting: Setting, raw: string, issues: readonly Issue[], isInFile: boolean): string {
  // A list of rules is not read again as one line: what is wrong names the rule, and in other lists the entry.
  const isNamed = setting.isRules ? /^[[{]/.test(raw) : issues.every(({ message }) => message.startsWith('"'));
  const shown = setting.secret || raw.length > MOST_SHOWN || isNamed ? '' : ` ${JSON.stringify(raw)}`;
  const [page, ...others] = new Set(issues.map(({ params }) => params?.page));
  const help =
    typeof page === 'string' && others.length === 0
      ? `${page} has examples`
      : `example: ${exampleOf(name, setting, isInFile)}`;
  return `${name}:${shown} ${issues.map(({ message }) => message).join('; ')} (${help})`;
}

function exampleOf(name: string, { example, isRules }: Setting, isInFile: boolean): string {
  if (!isInFile) return `${name}=${example}`;
  return `${name}: ${isRules ? writeYaml(JSON.parse(example), { flowLevel: 0, lineWidth: -1 }).trim() : example}`;
}

function contradictions(settings: Partial<Settings>): string[] {
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
    .map(name => `${name}: no such setting (${suggestion(name)}docs/settings.md lists them)`);
}

function suggestion(name: string): string {
  const nearest = nearestWord(name, Object.keys(SETTINGS));
  return nearest === null ? '' : `did you mean ${nearest}? `;
}
