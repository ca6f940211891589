// The envelope of one mail transaction, as MAIL and RCPT build it up: each command in, its reply out.
import { addressKey } from '../../src/mail/address.ts';
import type { Envelope, Recipient } from '../../src/mail/envelope.ts';
import { type Reply, reply } from '../../src/mail/reply.ts';
import type { Identity } from '../../src/mail/submission.ts';
import type { Admission } from '../admission.ts';
import { objectToSender } from '../sender.ts';
import { type MailCommand, parseMail, parseRcpt } from './commands.ts';

export type TransactionLimits = {
  /** Ours: where `postmaster` without a domain lives. */
  readonly hostname: string;
  readonly maxMessageSize: number;
  readonly maxRecipients: number;
  /** A reason not to take mail at present, or null. */
  readonly trouble: () => Reply | null;
  readonly admission: Admission;
};

/** RFC 1870 section 6.3 lets a server take somewhat more than the client declared. */
const DECLARED_SLACK_BYTES = 1_000_000;

export class Transaction {
  readonly #limits: TransactionLimits;
  readonly #recipients: Recipient[] = [];
  readonly #keys = new Set<string>();
  #mail: MailCommand | null = null;

  constructor(limits: TransactionLimits) {
    this.#limits = limits;
  }

  get isBegun(): boolean {
    return this.#mail !== null;
  }

  /** What was declared is what the memory is asked for, and so the most that may come. */
  get contentLimit(): number {
    const { maxMessageSize } = this.#limits;
    const declared = this.#mail?.declaredSize;
    return declared ? Math.min(declared + DECLARED_SLACK_BYTES, maxMessageSize) : maxMessageSize;
  }

  /** Once both MAIL and RCPT were taken. */
  get envelope(): Envelope {
    const { declaredSize: _, ...mail } = this.#mail!;
    return { ...mail, recipients: this.#recipients };
  }

  /** A promise only where somebody has to be asked: most commands are answered at once. */
  takeMail(line: string, identity: Identity): Reply | Promise<Reply> {
    if (this.#mail) return reply(503, '5.5.1', 'Nested MAIL command');
    const mail = parseMail(line);
    if ('refused' in mail) return mail.refused;
    const { maxMessageSize, trouble, admission } = this.#limits;
    if (mail.declaredSize !== null && mail.declaredSize > maxMessageSize) {
      return reply(552, '5.3.4', `Message is larger than ${maxMessageSize} bytes`);
    }
    const foreign = objectToSender(identity, mail.reversePath);
    if (foreign) return foreign;
    const begin = () => {
      this.#mail = mail;
      return reply(250, '2.1.0', 'Sender OK');
    };
    return trouble() ?? admission.objectToMail(identity)?.then(objection => objection ?? begin()) ?? begin();
  }

  takeRecipient(line: string, identity: Identity): Reply | Promise<Reply> {
    if (!this.#mail) return reply(503, '5.5.1', 'MAIL comes before RCPT');
    const { smtpUtf8 } = this.#mail;
    const recipient = parseRcpt(line, { smtpUtf8, hostname: this.#limits.hostname });
    if ('refused' in recipient) return recipient.refused;
    const { maxRecipients, admission } = this.#limits;
    if (this.#recipients.length >= maxRecipients) {
      const text = `Too many recipients, at most ${maxRecipients}; send the rest in another transaction`;
      return reply(452, '4.5.3', text);
    }
    const add = () => {
      // The same mailbox twice is one delivery.
      const key = addressKey(recipient.address);
      if (!this.#keys.has(key)) {
        this.#keys.add(key);
        this.#recipients.push(recipient);
      }
      return reply(250, '2.1.5', 'Recipient OK');
    };
    return admission.objectToRecipient(identity, recipient.address)?.then(objection => objection ?? add()) ?? add();
  }

  /** Why DATA is out of place, or null. */
  objectToData(line: string): Reply | null {
    if (line.trimEnd().length > 4) return reply(501, '5.5.4', 'DATA takes no parameters');
    if (!this.#mail) return reply(503, '5.5.1', 'MAIL comes before DATA');
    return this.#recipients.length === 0 ? reply(554, '5.5.1', 'No valid recipients') : null;
  }
}
