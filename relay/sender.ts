// Whether a credential may send as somebody: in the envelope, and in what the reader sees.
import { type Address, addressKey, parseMailbox } from '../src/mail/address.ts';
import { type AddressList, parseAddressList, readAddressList } from '../src/mail/address-list.ts';
import { countFields, fieldValue, type Header } from '../src/mail/header.ts';
import { type Reply, reply } from '../src/mail/reply.ts';
import type { Identity } from '../src/mail/submission.ts';
import { decodeWords } from './control-headers/encoded-words.ts';

/** Longer From fields exist; none of them is meant to be read. */
const MAX_FIELD = 10_000;

/** The null reverse-path is anybody's: notifications are sent with it. Entries are domains or whole addresses. */
export function maySendAs(identity: Identity, address: Address | null): boolean {
  if (address === null || identity.fromDomains.length === 0) return true;
  const key = addressKey(address);
  const domain = key.slice(key.lastIndexOf('@'));
  return identity.fromDomains.some(allowed =>
    allowed.includes('@') ? addressKey(allowed) === key : addressKey(`@${allowed}`) === domain,
  );
}

/** What MAIL is answered with when the envelope sender is not the credential's to use. */
export function objectToSender(identity: Identity, reversePath: Address | null): Reply | null {
  if (maySendAs(identity, reversePath)) return null;
  return reply(553, '5.7.1', `<${reversePath}> is not a sender of credential ${identity.credentialName}`);
}

/** The addresses of the From field, as a reader's mail client shows them; null = not surely understood, or none. */
export function readAuthors(content: Buffer, header: Header): Address[] | null {
  if (countFields(header, 'from') !== 1 || !header.endsWell) return null;
  const value = authorsIn(content, header, 'from');
  // One that was cut off would name other people.
  const addresses = value.length < MAX_FIELD ? parseAddressList(value) : null;
  return addresses === null || addresses.length === 0 ? null : addresses;
}

function authorsIn(content: Buffer, header: Header, name: 'from' | 'sender'): string {
  return fieldValue(content, header, name, MAX_FIELD) ?? '';
}

/** What is wrong with who the message says it is from, in words for the app; null = nothing. */
export function objectToAuthor(identity: Identity, content: Buffer, header: Header): string | null {
  // Readers differ in which of two From fields they show, so no rule about either means anything.
  if (countFields(header, 'from') > 1) return 'More than one From field';
  if (identity.fromDomains.length === 0) return null;
  if (countFields(header, 'from') === 0) return 'No From field';
  if (!header.endsWell) return 'Header has a line that is no field';
  return objectToField(identity, content, header, 'from') ?? objectToField(identity, content, header, 'sender');
}

function objectToField(identity: Identity, content: Buffer, header: Header, name: 'from' | 'sender'): string | null {
  const title = name === 'from' ? 'From' : 'Sender';
  const count = countFields(header, name);
  if (count === 0) return null;
  if (count > 1) return `More than one ${title} field`;
  const field = header.fields.find(candidate => candidate.name === name)!;
  if (field.end - field.valueStart > MAX_FIELD) return `${title} field is too long`;
  const list = readAddressList(authorsIn(content, header, name));
  if (list === null || list.addresses.length === 0) return `${title} field is not a list of addresses`;
  const foreign = list.addresses.find(address => !maySendAs(identity, address));
  if (foreign !== undefined) return `${title} <${foreign}> not authorised for credential ${identity.credentialName}`;
  return isMisleading(identity, list) ? `${title} field has a name that some readers take for an address` : null;
}

/**
 * A name may say what it likes, in quotes or encoded: people see that it is a name. What no standard allows there, some
 * mail clients take for the address: `ceo@bank.example <a@own.example>` without quotes, and encoded words that hold
 * brackets, line ends or NUL.
 */
function isMisleading(identity: Identity, { names }: AddressList): boolean {
  return names.some(name => {
    const bare = name.replace(/"(?:[^"\\]|\\.)*"/g, ' ');
    const decoded = bare.includes('=?') ? decodeWords(bare) : '';
    const addresses = [...bare.split(/\s+/), ...(decoded?.match(/<[^<>]*>/g) ?? []).map(text => text.slice(1, -1))];
    return (
      (decoded !== null && /[\u0000-\u001f\u007f]/.test(decoded)) ||
      addresses.some(text => text.includes('@') && !isOwn(identity, text))
    );
  });
}

function isOwn(identity: Identity, text: string): boolean {
  const address = parseMailbox(text, { smtpUtf8: true });
  return typeof address === 'string' && maySendAs(identity, address);
}
