// A gateway with the API, and somebody who asks it by a token or by a login.
import { newId } from '../../src/platform/id.ts';
import { hashToken, newApiToken } from '../../src/platform/secret.ts';
import { addApiToken } from '../../src/store/api-tokens.ts';
import type { TestGateway } from './gateway.ts';

export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: ReturnType<typeof JSON.parse>;
};

export const ADMIN = basic('admin', 'admin-password');

export function basic(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}

/** `Bearer …`, of a token made now. */
export async function bearer(gateway: TestGateway, { isReadOnly = false, name = `t${newId(Date.now())}` } = {}) {
  const tokenId = newId(Date.now());
  const token = newApiToken(tokenId);
  const made = { tokenId, name, secretHash: hashToken(token), isReadOnly, validForMs: null };
  if (!(await addApiToken(gateway.database.pool, made))) throw new Error(`there is a token ${name}`);
  return `Bearer ${token}`;
}

/** Asks below /api/v1; a body that is no text is sent as JSON. */
export function client(gateway: TestGateway, authorization: string | null) {
  return async (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> => {
    const answer = await fetch(`http://127.0.0.1:${gateway.httpPort}/api/v1${path}`, {
      method,
      headers: {
        ...(authorization !== null && { authorization }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text === '' ? null : JSON.parse(text) };
  };
}
