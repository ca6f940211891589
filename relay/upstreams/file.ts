// Each message as a file of its own, NAME.eml: for archives, and for tests that want to see what would have gone out. The
// envelope stands in front of the content as X-Envelope lines, the content behind them byte for byte. The name appears
// when the file is whole and on the disk, never before: a reader takes *.eml and finds no half of a message.
import { constants } from 'node:fs';
import { access, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Envelope } from '../../src/mail/envelope.ts';
import { reply } from '../../src/mail/reply.ts';
import { type AttemptReport, type AttemptResult, OUR_END, type Peer, type Upstream } from '../../src/mail/upstream.ts';
import type { Clock } from '../../src/platform/clock.ts';
import { newId } from '../../src/platform/id.ts';
import type { FileSettings } from '../../src/platform/upstream-url.ts';
import { mailParameters, rcptParameters } from './envelope-commands.ts';
import { Pacer, type SharedPace, type Turn } from './pacer.ts';

const NOBODY: Peer = { remoteAddress: null, tls: null };
const EVERYTHING = { has: () => true };

export class FileUpstream implements Upstream {
  readonly name: string;
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #pacer: Pacer;

  constructor(settings: FileSettings, clock: Clock, pace?: SharedPace) {
    this.name = settings.name;
    this.#directory = settings.directory;
    this.#clock = clock;
    this.#pacer = new Pacer(settings, pace);
  }

  notNow(now: number) {
    return this.#pacer.notNow(now);
  }

  async attempt(envelope: Envelope, content: readonly Buffer[], signal: AbortSignal): Promise<AttemptReport> {
    const result = await this.#write(envelope, content, signal);
    return { results: envelope.recipients.map(() => result), ...NOBODY };
  }

  /** Throws when nothing can be written there. */
  async probe(): Promise<Peer> {
    await mkdir(this.#directory, { recursive: true });
    await access(this.#directory, constants.W_OK | constants.X_OK);
    return NOBODY;
  }

  async close(): Promise<void> {}

  async #write(envelope: Envelope, content: readonly Buffer[], signal: AbortSignal): Promise<AttemptResult> {
    const name = `${newId(this.#clock())}.eml`;
    let turn: Turn | null = null;
    try {
      turn = await this.#pacer.turn(signal);
      signal.throwIfAborted();
      await this.probe();
      await writeWhole(this.#directory, name, [envelopeLines(envelope), ...content]);
      return { kind: 'accepted', reply: reply(250, '2.0.0', `written to ${name}`) };
    } catch (error) {
      turn?.giveBack();
      const why = signal.aborted ? OUR_END.stopping : (error as Error).message;
      return { kind: 'unreachable', stage: 'content', error: why };
    }
  }
}

/** Under a name that begins with a dot until it is on the disk, and then the name as well. */
async function writeWhole(directory: string, name: string, parts: readonly Buffer[]): Promise<void> {
  const path = join(directory, `.${name}.new`);
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writev([...parts]);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(path, join(directory, name));
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  const entries = await open(directory, 'r');
  await entries.sync().finally(() => entries.close());
}

/** As they would be in MAIL and RCPT to a host that knows every extension. */
function envelopeLines(envelope: Envelope): Buffer {
  const from = `X-Envelope-From: <${envelope.reversePath ?? ''}>${mailParameters(envelope, EVERYTHING)}`;
  const to = envelope.recipients.map(one => `X-Envelope-To: <${one.address}>${rcptParameters(one, EVERYTHING)}`);
  return Buffer.from([from, ...to, ''].join('\r\n'));
}
