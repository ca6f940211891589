// The rules that hold, from both places where they are written: by hand in the database, asked first, and in the settings.
// Looks every two seconds whether those of the database have changed; while it is away, what was known last holds.
import type { Logger } from '../../src/platform/log.ts';
import type { Pool } from '../../src/platform/postgres.ts';
import { type RouteRule, routeRule } from '../../src/platform/route-rules.ts';
import { listRoutes, type StoredRoute } from '../../src/store/routes.ts';

const LOOK_EVERY_MS = 2_000;

export type RouteBookOptions = {
  readonly pool: Pool;
  readonly log: Logger;
  /** Called with the rules set by hand, when they are other ones than before. */
  readonly onChange: (rules: readonly RouteRule[]) => void;
};

export class RouteBook {
  readonly #options: RouteBookOptions;
  #known = '';
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> = Promise.resolve();

  constructor(options: RouteBookOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await this.#look();
    this.#timer = setInterval(() => {
      this.#looking = this.#look();
    }, LOOK_EVERY_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { pool, log, onChange } = this.#options;
    try {
      const stored = await listRoutes(pool);
      const seen = JSON.stringify(stored);
      if (seen === this.#known) return;
      this.#known = seen;
      const { rules, problems } = readStored(stored);
      for (const problem of problems) log.error({ event: 'route-ignored', reason: problem }, 'route ignored');
      onChange(rules);
    } catch (error) {
      log.warn({ err: error }, 'routes not read');
    }
  }
}

/** What cannot be read is left out; the database takes any JSON. */
export function readStored(stored: readonly StoredRoute[]): { rules: RouteRule[]; problems: string[] } {
  const rules: RouteRule[] = [];
  const problems: string[] = [];
  for (const { name, rule } of stored) {
    const parsed = routeRule.safeParse({ name, ...rule });
    if (parsed.success) rules.push(parsed.data);
    else problems.push(`${name}: ${parsed.error.issues.map(({ message }) => message).join('; ')}`);
  }
  return { rules, problems };
}
