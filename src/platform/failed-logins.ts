// Passwords are not for guessing: so many failures from one neighbourhood for one user, and nobody looks at its
// passwords for a while (THREATS 6). Never by user alone: whoever wants an app shut out would only have to fail in its
// name. A success takes nothing back, or a guesser with a login of his own would log in between two guesses.
import { createHash } from 'node:crypto';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { neighbourhood } from './networks.ts';

const MAX_FAILURES = 20;
export const WINDOW_S = 15 * 60;
/** Beyond it the oldest are forgotten: whoever makes that many failures to have his own forgotten gains nothing. */
const MAX_REMEMBERED = 20_000;

export class FailedLogins {
  readonly #limiter = new RateLimiterMemory({ points: MAX_FAILURES, duration: WINDOW_S });
  /** In order of their first failure. */
  readonly #known = new Set<string>();

  async areTooMany(address: string, user: string): Promise<boolean> {
    const found = await this.#limiter.get(keyOf(address, user));
    return found !== null && found.consumedPoints >= MAX_FAILURES;
  }

  async note(address: string, user: string): Promise<void> {
    const key = keyOf(address, user);
    this.#known.add(key);
    if (this.#known.size > MAX_REMEMBERED) await this.#forgetOldest();
    await this.#limiter.penalty(key);
  }

  async #forgetOldest(): Promise<void> {
    const [oldest] = this.#known;
    this.#known.delete(oldest!);
    await this.#limiter.delete(oldest!);
  }
}

/** A digest, since names come as long as a client likes them. */
function keyOf(address: string, user: string): string {
  const digest = createHash('sha256').update(user.toLowerCase()).digest('base64');
  return `${neighbourhood(address, 24)} ${digest}`;
}
