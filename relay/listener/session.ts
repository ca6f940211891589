// One SMTP session: smtp-server's, with our replies, our grammar, our reading of content, and no wait before the greeting.
import type { Socket } from 'node:net';
import type { SMTPServer } from 'smtp-server';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';
import { type Reply, reply } from '../../src/mail/reply.ts';
import type { Identity, Protocol, Submission } from '../../src/mail/submission.ts';
import type { ByteBudget } from '../../src/platform/byte-budget.ts';
import type { Logger } from '../../src/platform/log.ts';
import { malformedObjection } from '../malformed.ts';
import type { StillValid } from '../still-valid.ts';
import type { Submit } from '../submit.ts';
import { parseHello } from './commands.ts';
import type { Collected, ContentCollector } from './content-collector.ts';
import { ContentShare, type SharePatience } from './content-share.ts';
import { ENHANCED, fixedReply, NOBODY, NOT_BASE64, NOT_VALID } from './fixed-replies.ts';
import { Offences } from './offences.ts';
import { Pause } from './pause.ts';
import type { Place } from './session-counts.ts';
import { Transaction, type TransactionLimits } from './transaction.ts';
import { type LineProblem, Wire } from './wire.ts';

export type SessionContext = TransactionLimits & {
  readonly submit: Submit;
  readonly stillValid: StillValid;
  readonly budget: ByteBudget;
  readonly insecureAuth: 'never' | 'loopback' | 'always';
  readonly patience: Patience;
  readonly log: Logger;
};

/** How long a client may take, in milliseconds. */
export type Patience = SharePatience & {
  /** Between two bytes, before and after AUTH. */
  readonly strangerMs: number;
  readonly clientMs: number;
  /** For a TLS handshake, from its first byte to its last. */
  readonly handshakeMs: number;
  /** For what a balancer says in front of a connection. */
  readonly proxyMs: number;
  /** What an error costs whoever makes many of them (`offences.ts`). */
  readonly penaltyMs: number;
};

/** A connection that there is room for, before anything was said. */
export type Arrival = {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Named by a balancer, or behind one that did not say: never on this machine, whatever the address looks like. */
  readonly isProxied: boolean;
  readonly place: Place;
  /** Who it is because of its address, until it logs in as somebody. */
  readonly trusted: Identity | null;
};

type Callback = () => void;

/** Of one line, in octets. */
const MAX_REPLY_TEXT = 480;

export class GatewaySession extends SMTPConnection {
  readonly #context: SessionContext;
  readonly #arrival: Arrival;
  readonly #offences = new Offences();
  readonly #pause = new Pause();
  #transaction: Transaction;
  /** As the last MAIL found it; null = nothing was asked since the session knows who it is. */
  #current: Identity | null = null;
  /** Of the message that is being read or answered. */
  #share: ContentShare | null = null;
  #isAnswering = false;
  /** EHLO was taken, not HELO. */
  #isExtended = false;

  constructor(server: SMTPServer, socket: Socket, arrival: Arrival, context: SessionContext) {
    super(server, socket, arrival);
    this.#context = context;
    this.#arrival = arrival;
    this.#transaction = new Transaction(context);
    // We count errors ourselves; logging in late is none.
    this._maxAllowedUnauthenticatedCommands = false;
  }

  /** smtp-server waits 100 ms here for clients that talk too soon, which is dear for apps that connect for each mail. */
  override init(): void {
    this._setListeners(() => this.connectionReady());
  }

  /** The one place that every reply passes: whoever only makes errors waits, and is sent away in the end. */
  override send(code: number, data?: string | string[], context?: string | false): void {
    const { waits, end } = this.#offences.note(code);
    this.#pause.begin(waits * this.#context.patience.penaltyMs);
    // Whatever ends the session overtakes what was held back.
    if (code === 421) this.#pause.cancel();
    if (code === 235 && !this.#becomeClient()) return;
    const text = typeof data === 'string' ? shorten(data) : data;
    this.#pause.run(() => (end ? super.send(421, end, '4.7.0') : super.send(code, text, context)));
  }

  /** false when it was sent away, since there are too many sessions of clients at its address. */
  #becomeClient(): boolean {
    this.#current = null;
    const full = this.#arrival.place.becomeClient();
    if (full) this.#reply(reply(421, '4.7.0', 'Too many sessions from your address, try again later'));
    else this._socket.setTimeout(this.#context.patience.clientMs);
    return full === null;
  }

  /** null = nobody that we know. */
  get #identity(): Identity | null {
    return this.#current ?? ((this.session.user as Identity | false | undefined) || this.#arrival.trusted);
  }

  /** Ends the session now, unless a message is being read or answered: that one is finished first. */
  shutDown(): void {
    if (!this.#share) this.#goodbye();
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
    wire.oncommand = (command: Buffer, resume: Callback = () => undefined) => {
      this._onCommand(command, () => this.#pause.run(resume));
      wire.expectsAuthLine = this._nextHandler !== false;
    };
    wire.on('error', error => {
      this.#reply(this.#unexpected(error));
      this.close();
    });
    return wire;
  }

  override _onCommand(command: Buffer, callback: Callback = () => undefined): void {
    const isHeard = this._ready && !this._upgrading && !this._server._closeTimeout;
    const answer = isHeard ? this.#answerAtOnce(command.toString('latin1').trimEnd()) : null;
    if (!answer) return super._onCommand(command, callback);
    this.#reply(answer);
    this._whenWritable(callback);
  }

  #answerAtOnce(line: string): Reply | null {
    if (this._nextHandler === false) return fixedReply(line);
    // AUTH waits for this line (RFC 4954 section 4); smtp-server reads over what is no base64 in it.
    if (line === '*' || isBase64(line)) return null;
    this._nextHandler = false;
    return NOT_BASE64;
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
    this.#pause.run(resume);
  }

  // ── hello, TLS, AUTH ──────────────────────────────────────────────────────────────────────────────────────────

  override handler_EHLO(command: Buffer, callback: Callback): void {
    if (!this.#hello(command, 'EHLO')) return callback();
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
    this.send(250, [this.#greeting(), ...features], false);
    callback();
  }

  override handler_HELO(command: Buffer, callback: Callback): void {
    if (this.#hello(command, 'HELO')) this.send(250, this.#greeting(), false);
    callback();
  }

  /** A reply is ASCII (RFC 5321 section 4.2); not every machine's name is. */
  #greeting(): string {
    return shorten(`${this.name} greets ${String(this.hostNameAppearsAs).replace(/[^\x20-\x7e]/g, '?')}`);
  }

  #hello(command: Buffer, verb: 'EHLO' | 'HELO'): boolean {
    const name = parseHello(command.toString('utf8').slice(5).trim());
    if (name === null) {
      this.#reply(reply(501, '5.5.4', `Syntax: ${verb} your-host-name`));
      return false;
    }
    this.#isExtended = verb === 'EHLO';
    this.hostNameAppearsAs = name;
    this._resetSession();
    return true;
  }

  override handler_STARTTLS(command: Buffer, callback: Callback): void {
    // Commands sent along in clear would be run as if they had come encrypted (CVE-2011-0411).
    if ((this._parser as Wire).hasUnread) {
      this.#reply(reply(501, '5.5.1', 'Nothing may follow STARTTLS before the handshake'));
      return this.#pause.run(() => this.close());
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
    if (this.#transaction.isBegun) {
      this.#reply(reply(503, '5.5.1', 'AUTH is not permitted within a transaction'));
      return callback();
    }
    const [, , response = '='] = command.toString('latin1').trim().split(/ +/);
    if (response !== '=' && !isBase64(response)) {
      this.#reply(NOT_BASE64);
      return callback();
    }
    super.handler_AUTH(command, callback);
  }

  #mayAuthenticate(): boolean {
    if (this.secure || this.#context.insecureAuth === 'always') return true;
    if (this.#arrival.isProxied) return false;
    return this.#context.insecureAuth === 'loopback' && /^(127\.|::1$)/.test(this.remoteAddress);
  }

  // ── the envelope ──────────────────────────────────────────────────────────────────────────────────────────────

  override _resetSession(): void {
    super._resetSession();
    this.#transaction = new Transaction(this.#context);
  }

  override handler_MAIL(command: Buffer, callback: Callback): void {
    const line = command.toString('utf8');
    const take = (current: Identity | null) => {
      if (current === null) return NOT_VALID;
      this.#current = current;
      return this.#transaction.takeMail(line, current);
    };
    this.#answer(identity => {
      const current = this.#context.stillValid(identity);
      return current instanceof Promise ? current.then(take) : take(current);
    }, callback);
  }

  override handler_RCPT(command: Buffer, callback: Callback): void {
    this.#answer(identity => this.#transaction.takeRecipient(command.toString('utf8'), identity), callback);
  }

  /** At once where it can be: a turn of the event loop for each command would be most of what a command costs. */
  #answer(ask: (identity: Identity) => Reply | Promise<Reply>, callback: Callback): void {
    const answer = this.#identity ? ask(this.#identity) : NOBODY;
    const tell = (settled: Reply) => {
      this.#noteRefusal(settled);
      this.#reply(settled);
      callback();
    };
    if (!(answer instanceof Promise)) return tell(answer);
    void answer.catch(error => this.#unexpected(error)).then(tell);
  }

  /** Of somebody whom we know: whose app is it that is turned away. */
  #noteRefusal({ code, enhanced, text }: Reply): void {
    if (code < 400 || !this.#identity) return;
    const { log } = this.#context;
    const identity = this.#identity.credentialName;
    const { remoteAddress } = this;
    log.info(
      { event: 'refused', identity, remoteAddress, smtpCode: code, enhancedStatus: enhanced, smtpText: text },
      'refused',
    );
  }

  // ── the content ───────────────────────────────────────────────────────────────────────────────────────────────

  override handler_DATA(command: Buffer, callback: Callback): void {
    const objection = this.#identity ? this.#transaction.objectToData(command.toString('latin1')) : NOBODY;
    if (objection) this.#reply(objection);
    else {
      const { budget, patience } = this.#context;
      const { contentLimit } = this.#transaction;
      (this._parser as Wire).startContent(contentLimit);
      this.#share = new ContentShare(budget, patience, contentLimit, answer => this.#reply(answer));
      this.send(354, 'End data with <CR><LF>.<CR><LF>', false);
    }
    callback();
  }

  #onProgress(collector: ContentCollector): Promise<void> | null {
    if (collector.received <= 2 * this.#context.maxMessageSize) return this.#share?.grow(collector) ?? null;
    this.#reply(reply(421, '4.3.4', 'Message is far too large'));
    return null;
  }

  async #onContent(collected: Collected, resume: Callback): Promise<void> {
    this.#share?.stopClocks();
    this.#isAnswering = true;
    const answer = await this.#answerContent(collected).catch(error => this.#unexpected(error));
    this.#isAnswering = false;
    this.#share?.end();
    this.#share = null;
    this._socket.cork();
    this.#reply(answer);
    this._transactionCounter += 1;
    this._unrecognizedCommands = 0;
    this.#offences.forgiveErrors();
    this._resetSession();
    if (this._server._closeTimeout) this.#goodbye();
    resume();
    this._socket.uncork();
  }

  /** A fault of ours costs the app a second try, and the other sessions nothing. */
  #unexpected(error: unknown): Reply {
    this.#context.log.error({ err: error, remoteAddress: this.remoteAddress }, 'message not taken');
    return reply(451, '4.3.0', 'Temporary failure, try again later');
  }

  async #answerContent(collected: Collected): Promise<Reply> {
    switch (collected.kind) {
      case 'too-large':
        return reply(552, '5.3.4', `Message is larger than ${this.#transaction.contentLimit} bytes`);
      case 'malformed':
        return malformedObjection(collected.problem).reply;
      case 'content': {
        const result = await this.#context.submit(this.#submission(collected.content));
        return 'messageId' in result ? reply(250, '2.6.0', `queued as ${result.messageId}`) : result.reply;
      }
    }
  }

  #submission(content: Buffer): Submission {
    const { envelope } = this.#transaction;
    return {
      identity: this.#identity!,
      envelope,
      content,
      session: {
        remoteAddress: this.remoteAddress,
        clientName: this.hostNameAppearsAs || 'unknown',
        authenticated: Boolean(this.session.user),
        protocol: this.#protocol(envelope.smtpUtf8),
      },
      stream: 'transactional',
    };
  }

  #protocol(smtpUtf8: boolean): Protocol {
    if (!this.#isExtended) return 'SMTP';
    const name = smtpUtf8 ? 'UTF8SMTP' : 'ESMTP';
    if (!this.session.user) return this.secure ? `${name}S` : name;
    return this.secure ? `${name}SA` : `${name}A`;
  }

  override _onClose(): void {
    // What is being answered is in use still.
    if (!this.#isAnswering) this.#share?.end();
    this.#pause.cancel();
    this.#arrival.place.leave();
    super._onClose();
  }

  /** Whoever has not said who he is waits less long for us than a client of ours (THREATS 16). */
  override _armTimeout(socket = this._socket): void {
    super._armTimeout(socket);
    const { strangerMs, clientMs, handshakeMs } = this.#context.patience;
    socket.setTimeout(this.#identity ? clientMs : strangerMs);
    if (this._upgrading) endHandshakeIn(handshakeMs, socket);
  }

  /** A client that waits for us is not idle, unless it is we who wait for it to read what we said. */
  override _onTimeout(): void {
    const wire = this._parser as Wire | false;
    const isHeard = this._socket.writableLength === 0;
    if (!this._closing && wire && wire.isAnswering && isHeard) this._armTimeout();
    else super._onTimeout();
  }
}

/** However busily it is dragged out. */
function endHandshakeIn(handshakeMs: number, socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), handshakeMs).unref();
  for (const event of ['secure', 'close']) socket.once(event, () => clearTimeout(timer));
}

/** RFC 5321 section 4.5.3.1.5: 512 octets with codes and CRLF; some of what we repeat is as long as a client likes. */
function shorten(text: string): string {
  if (Buffer.byteLength(text) <= MAX_REPLY_TEXT) return text;
  // A character that was cut in two is left out.
  return `${Buffer.from(text)
    .toString('utf8', 0, MAX_REPLY_TEXT)
    .replace(/\ufffd$/, '')}...`;
}

function isBase64(text: string): boolean {
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text);
}
