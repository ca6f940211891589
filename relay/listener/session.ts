// One SMTP session: smtp-server's, with our replies, our grammar, our reading of content, and no wait before the greeting.
import type { Socket } from 'node:net';
import type { SMTPServer } from 'smtp-server';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';
import { addressKey } from '../../src/mail/address.ts';
import type { Recipient } from '../../src/mail/envelope.ts';
import { type Reply, reply } from '../../src/mail/reply.ts';
import type { Identity, Session, Submission } from '../../src/mail/submission.ts';
import type { ByteBudget } from '../../src/platform/byte-budget.ts';
import { maySendAs } from '../sender.ts';
import type { Submit } from '../submit.ts';
import { type MailCommand, parseHello, parseMail, parseRcpt } from './commands.ts';
import type { Collected, ContentCollector } from './content-collector.ts';
import { type LineProblem, Wire } from './wire.ts';

export type SessionContext = {
  readonly submit: Submit;
  readonly budget: ByteBudget;
  readonly maxMessageSize: number;
  readonly maxRecipients: number;
  readonly insecureAuth: 'never' | 'loopback' | 'always';
  /** A reason not to take mail at present, or null. */
  readonly trouble: () => Reply | null;
  readonly patience: Patience;
};

/** How long a client may take, in milliseconds. */
export type Patience = {
  /** Between two bytes, before and after AUTH. */
  readonly strangerMs: number;
  readonly clientMs: number;
  /** For the content of one message, from DATA to its last dot. */
  readonly contentMs: number;
  /** How often a message that holds a share of the memory must have brought something. */
  readonly paceMs: number;
};

type Callback = () => void;

/** A message that stays below is read without asking the budget. */
const FREE_BYTES = 262_144;
/** RFC 1870 section 6.3 lets a server take somewhat more than the client declared. */
const DECLARED_SLACK_BYTES = 1_000_000;
/** Syntax errors, unknown commands, commands out of order: beyond this it is no mail client that is talking. */
const MAX_ERRORS = 20;
const MAX_FAILED_LOGINS = 5;
const MIN_BYTES_PER_SECOND = 64;
/** Enhanced codes for the replies that smtp-server words itself; ours bring their own. */
const ENHANCED: Readonly<Record<number, string>> = {
  214: '2.0.0',
  221: '2.0.0',
  235: '2.7.0',
  250: '2.0.0',
  252: '2.5.0',
  421: '4.3.2',
  451: '4.3.0',
  454: '4.7.0',
  500: '5.5.2',
  501: '5.5.4',
  502: '5.5.1',
  503: '5.5.1',
  504: '5.5.4',
  530: '5.7.0',
  535: '5.7.8',
  538: '5.7.11',
  554: '5.5.0',
};

export class GatewaySession extends SMTPConnection {
  readonly #context: SessionContext;
  #mail: MailCommand | null = null;
  #recipients: Recipient[] = [];
  #recipientKeys = new Set<string>();
  /** Bytes of the budget that the message being read holds. */
  #reserved = 0;
  #askedBudget = false;
  #errors = 0;
  #failedLogins = 0;
  #contentTimer: NodeJS.Timeout | null = null;
  #paceTimer: NodeJS.Timeout | null = null;
  readonly #left = new AbortController();
  /** Between DATA and the answer to what came. */
  #inContent = false;
  #answering = false;

  constructor(server: SMTPServer, socket: Socket, options: object, context: SessionContext) {
    super(server, socket, options);
    this.#context = context;
    // We count errors ourselves; logging in late is none.
    this._maxAllowedUnauthenticatedCommands = false;
  }

  /** smtp-server waits 100 ms here for clients that talk too soon, which is dear for apps that connect for each mail. */
  override init(): void {
    this._setListeners(() => {
      const { connections, options } = this._server;
      if (connections.size > (options.maxClients ?? Number.POSITIVE_INFINITY)) {
        this.#reply(reply(421, '4.7.0', 'Too many sessions, try again later'));
      } else this.connectionReady();
    });
  }

  /** The one place that every reply passes: whoever only makes errors is sent away (THREATS 6 and 16). */
  override send(code: number, data?: string | string[], context?: string | false): void {
    if (code === 535) this.#failedLogins += 1;
    if ((code >= 500 && code <= 504) || code === 530 || code === 538 || code === 555) this.#errors += 1;
    if (this.#failedLogins >= MAX_FAILED_LOGINS) super.send(421, 'Too many failed logins', '4.7.0');
    else if (this.#errors >= MAX_ERRORS) super.send(421, 'Too many errors', '4.7.0');
    else super.send(code, data, context);
    if (code === 235) this._socket.setTimeout(this.#context.patience.clientMs);
  }

  /** Ends the session now, unless a message is being read or answered: that one is finished first. */
  shutDown(): void {
    if (!this.#inContent) this.#goodbye();
  }

  #goodbye(): void {
    this.#reply(reply(421, '4.3.2', 'Shutting down'));
    this.close();
  }

  #reply({ code, enhanced, text }: Reply): void {
    this.send(code, text, enhanced ?? false);
  }

  /** `context` is an enhanced code of ours, or whatever smtp-server thinks of; a greeting or EHLO has none. */
  override _getEnhancedStatusCode(code: number, context?: string | false): string {
    if (context === false || (code >= 300 && code < 400)) return '';
    return /^[245]\./.test(context ?? '') ? context! : (ENHANCED[code] ?? '');
  }

  override _createParser(): Wire {
    const wire = new Wire({
      cork: () => this._socket.cork(),
      uncork: () => this._socket.uncork(),
      onBadLine: (problem, resume) => this.#onBadLine(problem, resume),
      onProgress: collector => this.#onProgress(collector),
      onContent: (collected, resume) => void this.#onContent(collected, resume),
    });
    wire.oncommand = (command: Buffer, resume?: Callback) => {
      this._onCommand(command, resume);
      wire.expectsAuthLine = this._nextHandler !== false;
    };
    wire.on('error', () => this.close());
    return wire;
  }

  #onBadLine(problem: LineProblem, resume: Callback): void {
    this._unrecognizedCommands += 1;
    if (this._unrecognizedCommands >= 10 || problem === 'endless') {
      return this.#reply(reply(421, '4.7.0', problem === 'endless' ? 'Line without end' : 'Too many errors'));
    }
    this._nextHandler = false;
    const text = {
      'too-long': 'Line too long',
      'bare-line-end': 'Lines end with CRLF, nothing else',
      'control-character': 'Control character in command',
    }[problem];
    this.#reply(reply(500, problem === 'too-long' ? '5.5.6' : '5.5.2', text));
    resume();
  }

  // ── hello, TLS, AUTH ──────────────────────────────────────────────────────────────────────────────────────────

  override handler_EHLO(command: Buffer, callback: Callback): void {
    if (!this.#hello(command)) return callback();
    const features = [
      'PIPELINING',
      `SIZE ${this.#context.maxMessageSize}`,
      '8BITMIME',
      'SMTPUTF8',
      'ENHANCEDSTATUSCODES',
      'DSN',
    ];
    if (!this.secure) features.push('STARTTLS');
    if (!this.session.user && this.#mayAuthenticate()) features.push('AUTH PLAIN LOGIN');
    this.send(250, [`${this.name} greets ${this.hostNameAppearsAs}`, ...features], false);
    callback();
  }

  override handler_HELO(command: Buffer, callback: Callback): void {
    if (this.#hello(command)) this.send(250, `${this.name} greets ${this.hostNameAppearsAs}`, false);
    callback();
  }

  #hello(command: Buffer): boolean {
    const name = parseHello(command.toString('utf8').slice(5).trim());
    if (name === null) {
      this.#reply(reply(501, '5.5.4', 'Syntax: EHLO your-host-name'));
      return false;
    }
    this.hostNameAppearsAs = name;
    this._resetSession();
    return true;
  }

  override handler_STARTTLS(command: Buffer, callback: Callback): void {
    // Commands sent along in clear would be run as if they had come encrypted (CVE-2011-0411).
    if ((this._parser as Wire).hasUnread) {
      this.#reply(reply(501, '5.5.1', 'Nothing may follow STARTTLS before the handshake'));
      return this.close();
    }
    if (this.session.user) {
      this.#reply(reply(503, '5.5.1', 'STARTTLS comes before AUTH'));
      return callback();
    }
    super.handler_STARTTLS(command, callback);
  }

  override handler_AUTH(command: Buffer, callback: Callback): void {
    if (!this.#mayAuthenticate()) {
      this.#reply(reply(538, '5.7.11', 'Encryption required: STARTTLS first'));
      return callback();
    }
    if (this.#mail) {
      this.#reply(reply(503, '5.5.1', 'AUTH is not permitted within a transaction'));
      return callback();
    }
    super.handler_AUTH(command, callback);
  }

  #mayAuthenticate(): boolean {
    if (this.secure || this.#context.insecureAuth === 'always') return true;
    return this.#context.insecureAuth === 'loopback' && /^(127\.|::1$)/.test(this.remoteAddress);
  }

  // ── the envelope ──────────────────────────────────────────────────────────────────────────────────────────────

  override _resetSession(): void {
    super._resetSession();
    this.#mail = null;
    this.#recipients = [];
    this.#recipientKeys = new Set();
  }

  override handler_MAIL(command: Buffer, callback: Callback): void {
    this.#reply(this.#takeMail(command.toString('utf8')));
    callback();
  }

  #takeMail(line: string): Reply {
    if (this.#mail) return reply(503, '5.5.1', 'Nested MAIL command');
    const mail = parseMail(line);
    if ('refused' in mail) return mail.refused;
    const { maxMessageSize, trouble } = this.#context;
    if (mail.declaredSize !== null && mail.declaredSize > maxMessageSize) {
      return reply(552, '5.3.4', `Message is larger than ${maxMessageSize} bytes`);
    }
    const identity = this.session.user as Identity;
    if (!maySendAs(identity, mail.reversePath)) {
      return reply(553, '5.7.1', `<${mail.reversePath}> is not a sender of credential ${identity.credentialName}`);
    }
    const objection = trouble();
    if (objection) return objection;
    this.#mail = mail;
    return reply(250, '2.1.0', 'Sender OK');
  }

  override handler_RCPT(command: Buffer, callback: Callback): void {
    this.#reply(this.#takeRecipient(command.toString('utf8')));
    callback();
  }

  #takeRecipient(line: string): Reply {
    if (!this.#mail) return reply(503, '5.5.1', 'MAIL comes before RCPT');
    const recipient = parseRcpt(line, this.#mail);
    if ('refused' in recipient) return recipient.refused;
    if (this.#recipients.length >= this.#context.maxRecipients) {
      return reply(
        452,
        '4.5.3',
        `Too many recipients, at most ${this.#context.maxRecipients}; send the rest in another transaction`,
      );
    }
    // The same mailbox twice is one delivery.
    const key = addressKey(recipient.address);
    if (!this.#recipientKeys.has(key)) {
      this.#recipientKeys.add(key);
      this.#recipients.push(recipient);
    }
    return reply(250, '2.1.5', 'Recipient OK');
  }

  // ── the content ───────────────────────────────────────────────────────────────────────────────────────────────

  override handler_DATA(command: Buffer, callback: Callback): void {
    const objection = this.#objectToData(command);
    if (objection) this.#reply(objection);
    else {
      (this._parser as Wire).startContent(this.#contentLimit());
      this.#inContent = true;
      this.#startContentTimer();
      this.send(354, 'End data with <CR><LF>.<CR><LF>', false);
    }
    callback();
  }

  #objectToData(command: Buffer): Reply | null {
    if (command.toString('latin1').trimEnd().length > 4) return reply(501, '5.5.4', 'DATA takes no parameters');
    if (!this.#mail) return reply(503, '5.5.1', 'MAIL comes before DATA');
    return this.#recipients.length === 0 ? reply(554, '5.5.1', 'No valid recipients') : null;
  }

  #startContentTimer(): void {
    clearTimeout(this.#contentTimer ?? undefined);
    const late = () => this.#reply(reply(421, '4.4.2', 'Message took too long'));
    this.#contentTimer = setTimeout(late, this.#context.patience.contentMs).unref();
  }

  /** What was declared is what the budget is asked for, and so the most that may come. */
  #contentLimit(): number {
    const { maxMessageSize } = this.#context;
    const declared = this.#mail?.declaredSize;
    return declared ? Math.min(declared + DECLARED_SLACK_BYTES, maxMessageSize) : maxMessageSize;
  }

  #onProgress(collector: ContentCollector): Promise<void> | null {
    const { budget, maxMessageSize } = this.#context;
    if (collector.received > 2 * maxMessageSize) {
      this.#reply(reply(421, '4.3.4', 'Message is far too large'));
      return null;
    }
    if (collector.stored <= FREE_BYTES || this.#askedBudget) return null;
    this.#askedBudget = true;
    // All that it may take, at once: whoever waits for a second helping while holding a first one blocks everybody.
    const bytes = this.#contentLimit();
    const granted = () => {
      this.#reserved = bytes;
      // The time in which we made it wait is not its own.
      this.#startContentTimer();
      this.#watchPace(collector);
    };
    if (budget.tryTake(bytes)) granted();
    else {
      clearTimeout(this.#contentTimer ?? undefined);
      return budget.take(bytes, this.#left.signal).then(granted, () => undefined);
    }
    return null;
  }

  /** Who holds a share of the memory and sends next to nothing holds up all who wait for one (THREATS 16). */
  #watchPace(collector: ContentCollector): void {
    const { paceMs } = this.#context.patience;
    let before = collector.received;
    this.#paceTimer = setInterval(() => {
      const came = collector.received - before;
      before = collector.received;
      if (came < (MIN_BYTES_PER_SECOND * paceMs) / 1_000) this.#reply(reply(421, '4.4.2', 'Message comes too slowly'));
    }, paceMs).unref();
  }

  async #onContent(collected: Collected, resume: Callback): Promise<void> {
    this.#answering = true;
    this.#stopContentTimers();
    const answer = await this.#answerContent(collected);
    this.#answering = false;
    this.#inContent = false;
    this.#release();
    this._socket.cork();
    this.#reply(answer);
    this._transactionCounter += 1;
    this._unrecognizedCommands = 0;
    this.#errors = 0;
    this._resetSession();
    if (this._server._closeTimeout) this.#goodbye();
    resume();
    this._socket.uncork();
  }

  async #answerContent(collected: Collected): Promise<Reply> {
    switch (collected.kind) {
      case 'too-large':
        return reply(552, '5.3.4', `Message is larger than ${this.#contentLimit()} bytes`);
      case 'malformed':
        return reply(
          550,
          collected.problem === 'line too long' ? '5.6.0' : '5.5.2',
          `Message refused: ${collected.problem}`,
        );
      case 'content': {
        const result = await this.#context.submit(this.#submission(collected.content));
        return result.kind === 'accepted' ? reply(250, '2.6.0', `queued as ${result.messageId}`) : result.reply;
      }
    }
  }

  #submission(content: Buffer): Submission {
    const { declaredSize: _, ...mail } = this.#mail!;
    return {
      identity: this.session.user as Identity,
      envelope: { ...mail, recipients: this.#recipients },
      content,
      session: {
        remoteAddress: this.remoteAddress,
        clientName: this.hostNameAppearsAs || 'unknown',
        protocol: this.#protocol(mail.smtpUtf8),
      },
      stream: 'transactional',
    };
  }

  /** RFC 3848, RFC 6531 section 4.3. */
  #protocol(smtpUtf8: boolean): Session['protocol'] {
    if (this.openingCommand === 'HELO') return 'SMTP';
    if (smtpUtf8) return this.secure ? 'UTF8SMTPSA' : 'UTF8SMTPA';
    return this.secure ? 'ESMTPSA' : 'ESMTPA';
  }

  #stopContentTimers(): void {
    clearTimeout(this.#contentTimer ?? undefined);
    clearInterval(this.#paceTimer ?? undefined);
  }

  #release(): void {
    if (this.#reserved > 0) this.#context.budget.give(this.#reserved);
    this.#reserved = 0;
    this.#askedBudget = false;
  }

  override _onClose(): void {
    this.#left.abort(new Error('session closed'));
    this.#stopContentTimers();
    if (!this.#answering) this.#release();
    super._onClose();
  }

  /** Whoever has not said who he is waits less long for us than a client of ours (THREATS 16). */
  override _armTimeout(socket = this._socket): void {
    super._armTimeout(socket);
    const { strangerMs, clientMs } = this.#context.patience;
    socket.setTimeout(this.session.user ? clientMs : strangerMs);
  }

  /** A client that waits for us is not idle. */
  override _onTimeout(): void {
    const wire = this._parser as Wire | false;
    if (!this._closing && wire && wire.isAnswering) this._armTimeout();
    else super._onTimeout();
  }

  // Jokes of smtp-server's that a mail gateway does not tell.
  override handler_WIZ(_command: Buffer, callback: Callback): void {
    this.#notImplemented(callback);
  }

  override handler_SHELL(_command: Buffer, callback: Callback): void {
    this.#notImplemented(callback);
  }

  override handler_KILL(_command: Buffer, callback: Callback): void {
    this.#notImplemented(callback);
  }

  #notImplemented(callback: Callback): void {
    this.#reply(reply(502, '5.5.1', 'Command not implemented'));
    callback();
  }
}
