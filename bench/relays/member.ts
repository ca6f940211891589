// One process of a fleet, through all its lives: started, stopped, killed, frozen, and started again.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Environment, launchPostern } from './postern.ts';
import { hasEnded } from './relay.ts';

export interface MemberPlan {
  readonly name: string;
  /** The fleet's home, below which this one has its own. */
  readonly parent: string;
  readonly env: Environment;
  /** Null: it takes no mail. */
  readonly smtpPort: number | null;
}

export class Member {
  readonly name: string;
  readonly smtpPort: number | null;
  readonly #home: string;
  readonly #env: Environment;
  #machines = 1;
  #child: ChildProcess | null = null;

  constructor({ name, parent, env, smtpPort }: MemberPlan) {
    this.name = name;
    this.smtpPort = smtpPort;
    this.#home = join(parent, name);
    this.#env = env;
    mkdirSync(this.#home);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Resolves when it is ready. */
  async start(): Promise<void> {
    const dataDir = join(this.#home, `data-${this.#machines}`);
    const { child } = await launchPostern(this.#home, { ...this.#env, POSTERN_DATA_DIR: dataDir });
    this.#child = child;
  }

  /** As an operator stops it, frozen or not; resolves when it is gone. Throws when it ended in another way than it should. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (!child || hasEnded(child)) return;
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    this.thaw();
    const [code, signal] = await exit;
    if (code !== 0) throw new Error(`${this.name} ended with ${signal ?? code} when it was told to stop`);
  }

  /** Resolves when it is gone. */
  async kill(): Promise<void> {
    const exit = once(this.#child!, 'exit');
    this.#child!.kill('SIGKILL');
    await exit;
  }

  /** Its next start is that of another machine: what the last one held comes back by time alone. */
  replaceMachine(): void {
    this.#machines += 1;
  }

  /** Stands still where it is, for mail to gather. */
  freeze(): void {
    this.#child!.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child!.kill('SIGCONT');
  }
}
