// What a scene can do: let an app send mail, wait until it has come to something, and show its story.
import { createTransport } from 'nodemailer';
import type { Gateway } from './gateway.ts';
import { printReply, printStory, say } from './screen.ts';
import type { ScriptedUpstream } from './upstream.ts';

export type Upstreams = { readonly first: ScriptedUpstream; readonly second: ScriptedUpstream };

export type Mail = { readonly to: readonly string[]; readonly subject: string };

/** Recipients in their order, and the upstream that must have the mail; null = it fails. */
export type Expectation = Readonly<Record<string, 'first' | 'second' | typeof ANYWHERE | null>>;

/** At one of the upstreams, and once. */
export const ANYWHERE = 'one of the upstreams';

export class Tour {
  readonly gateway: Gateway;
  readonly upstreams: Upstreams;
  readonly #impatience: AbortSignal;
  readonly #transport: ReturnType<typeof createTransport>;
  readonly #count = { messages: 0, recipients: 0 };

  constructor(gateway: Gateway, upstreams: Upstreams, impatience: AbortSignal) {
    this.gateway = gateway;
    this.upstreams = upstreams;
    this.#impatience = impatience;
    this.#transport = createTransport({
      host: '127.0.0.1',
      port: gateway.smtpPort,
      auth: { user: gateway.user, pass: gateway.password },
      // The certificate that the gateway made itself.
      tls: { rejectUnauthorized: false },
    });
  }

  /** Sends as an app does and returns the id behind the 250. */
  async send({ to, subject }: Mail, options: { quiet?: boolean } = {}): Promise<string> {
    const text = `Dear reader,\r\n\r\nthis is the message "${subject}".\r\n`;
    const sent = await this.#transport.sendMail({ from: 'shop@example.com', to: [...to], subject, text });
    const response = String(sent.response);
    if (!options.quiet) printReply(to, response);
    this.#count.messages += 1;
    this.#count.recipients += to.length;
    return /queued as (\w+)/.exec(response)![1]!;
  }

  /** Shows the story of a message once every recipient has an outcome; throws when it is not the expected one. */
  async follow(messageId: string, expected: Expectation): Promise<void> {
    await this.check(messageId, expected);
    await this.show(messageId);
  }

  async show(messageId: string): Promise<void> {
    printStory(`postern message show ${messageId}`, await this.gateway.postern('message', 'show', messageId));
  }

  /** Compares what the gateway says, and what came to the upstreams, with what the scene promises. */
  async check(messageId: string, expected: Expectation): Promise<void> {
    const recipients = Object.keys(expected);
    const outcomes = await this.gateway.outcomes(messageId, recipients.length, this.#impatience);
    for (const [i, recipient] of recipients.entries()) {
      const upstream = expected[recipient]!;
      const wanted = upstream === null ? 'failed' : 'delivered';
      if (outcomes[i] !== wanted) throw new Error(`mail to ${recipient} ${outcomes[i]}, and should be ${wanted}`);
      this.#arrivedOnce(recipient, upstream);
    }
  }

  say(text: string): void {
    say(text);
  }

  async restart(): Promise<void> {
    await this.gateway.start(this.#impatience);
  }

  count() {
    return this.#count;
  }

  #arrivedOnce(recipient: string, upstream: string | null): void {
    const places = Object.values(this.upstreams).flatMap(({ name, arrived }) =>
      arrived.filter(({ recipients }) => recipients.includes(recipient)).map(() => name),
    );
    const wanted = upstream === null ? [] : upstream === ANYWHERE ? places.slice(0, 1) : [upstream];
    if (places.join() !== wanted.join() || (upstream === ANYWHERE && places.length === 0))
      throw new Error(`mail to ${recipient} came to [${places}], and should be at [${wanted}]`);
  }
}
