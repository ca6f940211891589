// An SMTP door for what comes back, in place of a mailbox: an MX record of the return-path domain points here. It takes
// mail for return paths of ours and for nobody else, relays nothing, knows no logins, and says 250 after the commit. Who
// knocks is unknown: sizes, sessions, times and rates are bounded, and a report still has to prove itself.
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { SMTPServer, type SMTPServerSession } from 'smtp-server';
import { readToken, tokenOf } from '../../src/mail/verp.ts';
import { ByteBudget } from '../../src/platform/byte-budget.ts';
import type { Clock } from '../../src/platform/clock.ts';
import { newId } from '../../src/platform/id.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Certificate } from '../../src/platform/tls-certificate.ts';
import type { Ring } from '../clues.ts';
import type { IngestReport } from '../ingest.ts';

export type InboundOptions = {
  readonly host: string;
  readonly port: number;
  readonly hostname: string;
  readonly certificate: Certificate;
  readonly ring: Ring;
  readonly ingest: IngestReport;
  readonly clock: Clock;
  readonly log: Logger;
  /** Messages a minute from one address. */
  readonly ratePerMinute?: number;
};

export type Inbound = { readonly port: number; stop(): Promise<void> };

const MAX_BYTES = 10_000_000;
/** Of all messages that are being read. */
const BUDGET_BYTES = 64_000_000;
const MAX_SESSIONS = 100;
const MAX_SESSIONS_AN_ADDRESS = 10;
const RATE_PER_MINUTE = 600;
const MAX_RECIPIENTS = 20;
const IDLE_MS = 60_000;
/** However busy it keeps itself. */
const LONGEST_SESSION_MS = 600_000;
const CLOSE_WITHIN_MS = 1_000;

export async function startInbound(options: InboundOptions): Promise<Inbound> {
  const server = new InboundServer(options);
  const port = await server.open(options.host, options.port);
  return { port, stop: () => server.stop() };
}

class Refusal extends Error {
  readonly responseCode: number;
  constructor(responseCode: number, text: string) {
    super(text);
    this.responseCode = responseCode;
  }
}

class InboundServer extends SMTPServer {
  readonly #options: InboundOptions;
  readonly #budget = new ByteBudget(BUDGET_BYTES);
  readonly #rate: RateLimiterMemory;
  readonly #sessions = new Map<string, number>();

  constructor(options: InboundOptions) {
    const { hostname, certificate } = options;
    super({
      ...{ name: hostname, cert: certificate.cert, key: certificate.key, minVersion: 'TLSv1.2', logger: false },
      ...{ authOptional: true, disabledCommands: ['AUTH', 'XCLIENT', 'XFORWARD'], disableReverseLookup: true },
      // Enhanced codes stand in our own texts.
      ...{ hideENHANCEDSTATUSCODES: true, size: MAX_BYTES, maxClients: MAX_SESSIONS },
      ...{ socketTimeout: IDLE_MS, closeTimeout: CLOSE_WITHIN_MS },
      onMailFrom: (_address, session, callback) => void answer(() => this.#checkRate(session), callback),
      onRcptTo: ({ address }, session, callback) => void answer(() => this.#checkRecipient(address, session), callback),
      onData: (stream, session, callback) => void answer(() => this.#take(stream, session), callback),
    });
    this.#options = options;
    this.#rate = new RateLimiterMemory({ points: options.ratePerMinute ?? RATE_PER_MINUTE, duration: 60 });
    this.on('error', error => options.log.debug({ err: error }, 'session error'));
  }

  /** The port in use; throws when it cannot be had. */
  open(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.listen(port, host, () => {
        this.server.removeListener('error', reject);
        resolve((this.server.address() as { port: number }).port);
      });
    });
  }

  stop(): Promise<void> {
    return new Promise(resolve => this.close(() => resolve()));
  }

  override connect(socket: Socket, socketOptions: object): void {
    const address = socket.remoteAddress ?? '';
    const open = this.#sessions.get(address) ?? 0;
    if (open >= MAX_SESSIONS_AN_ADDRESS) {
      socket.end(`421 4.7.0 ${this.#options.hostname} Too many connections\r\n`);
      return;
    }
    this.#sessions.set(address, open + 1);
    const deadline = setTimeout(() => socket.destroy(), LONGEST_SESSION_MS);
    socket.once('close', () => {
      clearTimeout(deadline);
      const left = this.#sessions.get(address)! - 1;
      if (left > 0) this.#sessions.set(address, left);
      else this.#sessions.delete(address);
    });
    super.connect(socket, socketOptions);
  }

  async #checkRate({ remoteAddress }: SMTPServerSession): Promise<void> {
    await this.#rate.consume(remoteAddress).catch(() => {
      throw new Refusal(451, '4.7.1 Too much mail from there, try again later');
    });
  }

  /** One with a wrong signature is nobody's; another machine's key may be a mistake of ours, which the report shows. */
  async #checkRecipient(address: string, { envelope }: SMTPServerSession): Promise<void> {
    const { ring, clock } = this.#options;
    const token = tokenOf(address, ring.domain);
    if (token === null || readToken(token, ring.keys, clock()).kind === 'forged')
      throw new Refusal(550, '5.1.1 No such mailbox: only return paths are taken here');
    if (envelope.rcptTo.length >= MAX_RECIPIENTS) throw new Refusal(452, '4.5.3 Too many recipients');
  }

  async #take(stream: Readable, { envelope }: SMTPServerSession): Promise<string> {
    const { ingest, log } = this.#options;
    const content = await this.#collect(stream);
    // To whom it was sent is in the envelope alone; a mailbox would have written it down like this.
    const sentTo = envelope.rcptTo.map(({ address }) => `Delivered-To: ${address}\r\n`).join('');
    const bytes = Buffer.concat([Buffer.from(sentTo), content]);
    const source = { source: 'smtp', key: newId(Date.now()), toBeFiled: false };
    const ingested = await ingest(bytes, source).catch(error => {
      log.error({ event: 'report-failed', err: error }, 'a report by SMTP cannot be stored');
      throw new Refusal(451, '4.3.0 Temporary failure, try again later');
    });
    if (ingested.kind === 'not-a-report') throw new Refusal(550, '5.7.1 Only reports are taken here');
    return `2.6.0 recorded as ${ingested.reportId}`;
  }

  /** Read to its end whatever it is, since the reply comes then; kept only while there is room. */
  async #collect(stream: Readable): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let taken = 0;
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > MAX_BYTES || taken < 0 || !this.#budget.tryTake(chunk.length)) {
          chunks.length = 0;
          this.#budget.give(Math.max(taken, 0));
          taken = -1;
        } else {
          taken += chunk.length;
          chunks.push(chunk);
        }
      }
      if (bytes > MAX_BYTES) throw new Refusal(552, '5.3.4 Message too big');
      if (taken < 0) throw new Refusal(452, '4.3.1 Insufficient system storage');
      return Buffer.concat(chunks);
    } finally {
      if (taken > 0) this.#budget.give(taken);
    }
  }
}

/** smtp-server's way of being told. */
async function answer(
  step: () => Promise<unknown>,
  callback: (error: Error | null | undefined, message?: string) => void,
): Promise<void> {
  try {
    const said = await step();
    callback(null, typeof said === 'string' ? said : undefined);
  } catch (error) {
    callback(error instanceof Refusal ? error : new Refusal(451, '4.3.0 Temporary failure, try again later'));
  }
}
