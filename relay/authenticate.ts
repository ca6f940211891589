// Who is it? One answer for every failure, so that nobody learns which names exist; a client that connects for each mail
// pays for a password's scrypt once a minute, not each time.
import type { Identity, Mode } from '../src/mail/submission.ts';
import type { Clock } from '../src/platform/clock.ts';
import { createSecretCheck } from '../src/platform/secret-check.ts';
import type { Credential } from '../src/store/credentials.ts';

export type AuthenticateOptions = {
  readonly find: (name: string) => Promise<Credential | null>;
  readonly noteUse: NoteUse;
  readonly defaultMode: Mode;
  readonly clock: Clock;
};

/** Told of each use of a credential. */
export type NoteUse = (credentialId: string) => void;

export type Authenticate = (user: string, secret: string) => Promise<Identity | null>;

/** A removed or changed credential is refused after this at the latest. */
const ROW_FRESH_MS = 2_000;
const TOUCH_EVERY_MS = 60_000;
const MAX_REMEMBERED = 10_000;
/** No credential has a longer name; what a client makes up may have 9,000 characters. */
const MAX_NAME = 255;

type Remembered<T> = { readonly value: T; readonly until: number };

export function createAuthenticate(options: AuthenticateOptions): Authenticate {
  const { find, noteUse, clock } = options;
  const rows = new Map<string, Remembered<Credential | null>>();
  const check = createSecretCheck(clock);

  return async (user, secret) => {
    const found = lookUp(user);
    const isRight = await check(
      user,
      secret,
      found.then(known => known?.secretHash ?? null),
    );
    const credential = await found;
    if (!isRight || !credential) return null;
    noteUse(credential.credentialId);
    return identityOf(credential, options.defaultMode);
  };

  async function lookUp(name: string): Promise<Credential | null> {
    if (name.length > MAX_NAME) return null;
    const known = rows.get(name);
    if (known && known.until > clock()) return known.value;
    const value = await find(name);
    remember(rows, name, { value, until: clock() + ROW_FRESH_MS });
    return value;
  }
}

/** `touch` is told of a credential once a minute while it is used; must not throw. */
export function createNoteUse(touch: (credentialIds: readonly string[]) => Promise<void>, clock: Clock): NoteUse {
  const touched = new Map<string, number>();
  return credentialId => {
    const now = clock();
    if (now - (touched.get(credentialId) ?? 0) < TOUCH_EVERY_MS) return;
    touched.set(credentialId, now);
    void touch([credentialId]);
  };
}

/** What a credential is, as the rest of the relay sees it. */
export function identityOf(credential: Credential, defaultMode: Mode): Identity {
  const identity: Identity = {
    tenantId: credential.tenantId,
    credentialId: credential.credentialId,
    credentialName: credential.name,
    mode: credential.mode ?? defaultMode,
    fromDomains: credential.fromDomains,
    authentication: credential.authentication,
    overQuota: credential.overQuota,
    onSuppressed: credential.onSuppressed,
    controlHeaders: credential.controlHeaders,
  };
  secrets.set(identity, credential.secretHash);
  return identity;
}

/** Beside the identities and not in them, or each log line and event could have it. */
const secrets = new WeakMap<Identity, string>();

/** Whether it is the same credential still, with the same secret, and not another one of that name. */
export function isOfCredential(identity: Identity, { credentialId, secretHash }: Credential): boolean {
  return identity.credentialId === credentialId && secrets.get(identity) === secretHash;
}

/** Forgets all rather than growing: it costs one look-up each. */
function remember<T>(memory: Map<string, Remembered<T>>, key: string, entry: Remembered<T>): void {
  if (memory.size >= MAX_REMEMBERED) memory.clear();
  memory.set(key, entry);
}
