// Who may come in at the first start: the credential and the login that the operator named, or ones made here and shown once.
import type { Kysely } from 'kysely';
import { newId } from './platform/id.ts';
import { hashPassword, hashToken, newToken } from './platform/secret.ts';
import type { Settings } from './platform/settings.ts';
import { addAdmin, countAdmins, removeAdmin } from './store/admins.ts';
import { addCredential, countCredentials, type NewCredential, removeCredential } from './store/credentials.ts';
import type { Database } from './store/schema.ts';

export type Shown = { readonly user: string; readonly secret: string };

/** What was made and must be shown now; null = it was there, or the operator knows it. */
export type FirstStart = { readonly credential: Shown | null; readonly admin: Shown | null };

export async function makeFirstLogins(db: Kysely<Database>, settings: Settings): Promise<FirstStart> {
  const roles = settings.POSTERN_ROLES;
  // Each by the process whose door it opens: started together, the others know nothing of what the operator named.
  return {
    credential: roles.has('listener') ? await firstCredential(db, settings) : null,
    admin: roles.has('http') ? await firstAdmin(db, settings) : null,
  };
}

/** Takes back what was made and not shown. */
export async function forgetFirstLogins(db: Kysely<Database>, { credential, admin }: FirstStart): Promise<void> {
  if (credential) await removeCredential(db, credential.user);
  if (admin) await removeAdmin(db, admin.user);
}

async function firstCredential(db: Kysely<Database>, settings: Settings): Promise<Shown | null> {
  const named = settings.POSTERN_BOOTSTRAP_CREDENTIAL;
  const base = { credentialId: newId(Date.now()), tenantId: 'default', mode: null } satisfies Partial<NewCredential>;
  if (named) {
    const secretHash = await hashPassword(named.password);
    await addCredential(db, { ...base, name: named.user, secretHash, fromDomains: named.fromDomains });
    return null;
  }
  if ((await countCredentials(db)) > 0) return null;
  const secret = newToken();
  const made = await addCredential(db, { ...base, name: 'app', secretHash: hashToken(secret) });
  return made ? { user: 'app', secret } : null;
}

async function firstAdmin(db: Kysely<Database>, settings: Settings): Promise<Shown | null> {
  const named = settings.POSTERN_ADMIN_PASSWORD;
  if (named) {
    await addAdmin(db, 'admin', await hashPassword(named));
    return null;
  }
  if ((await countAdmins(db)) > 0) return null;
  const secret = newToken();
  return (await addAdmin(db, 'admin', hashToken(secret))) ? { user: 'admin', secret } : null;
}
