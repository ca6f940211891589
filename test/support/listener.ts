// The SMTP door alone: real sockets and the real session, with a `submit` that keeps what it is given.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ListenerOptions, startListener } from '../../relay/listener/server.ts';
import type { SubmitResult } from '../../relay/submit.ts';
import type { MessageId, Submission } from '../../src/mail/submission.ts';
import { ByteBudget } from '../../src/platform/byte-budget.ts';
import { createLog } from '../../src/platform/log.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import { loadCertificate } from '../../src/platform/tls-certificate.ts';
import { IDENTITY } from './identity.ts';
import { SmtpClient } from './smtp-client.ts';

export type TestListener = Awaited<ReturnType<typeof startTestListener>>;

export const ID = '01HF7YAT00ABCDEFGHJKMNPQRS' as MessageId;

/** Knows `app` with `app-password`, and `limited`, who may send from limited.example only. */
export async function startTestListener(options: Partial<ListenerOptions> = {}) {
  const dataDir = await mkdtemp(join(tmpdir(), 'listener-'));
  const certificate = await loadCertificate({ certPath: null, keyPath: null, dataDir, hostname: 'gateway.test' });
  await rm(dataDir, { recursive: true });
  const submissions: Submission[] = [];
  const lines: string[] = [];
  const budget = new ByteBudget(64_000_000);
  const listener = await startListener({
    ...{ host: '127.0.0.1', hostname: 'gateway.test', smtpPort: 0, smtpsPort: 0, certificate, budget },
    authenticate: async (user, secret) => {
      if (secret !== `${user}-password`) return null;
      if (user === 'limited') return { ...IDENTITY, credentialName: user, fromDomains: ['limited.example'] };
      return user === 'app' ? IDENTITY : null;
    },
    submit: async (submission): Promise<SubmitResult> => {
      submissions.push(submission);
      return { kind: 'accepted', messageId: ID };
    },
    stillValid: identity => identity,
    admission: { objectToMail: () => null, objectToRecipient: () => null },
    trusted: () => null,
    proxyNetworks: [],
    maxMessageSize: 1_000_000,
    maxRecipients: 5,
    insecureAuth: 'loopback',
    maxStrangersPerHost: 50,
    maxClientsPerHost: 200,
    patience: { penaltyMs: 1 },
    trouble: () => null,
    log: createLog('debug', { write: line => void lines.push(line) }),
    metrics: createMetrics(async () => 0),
    ...options,
  });
  return {
    ...{ submissions, lines, budget, stop: (graceMs = 1_000) => listener.stop(graceMs) },
    smtpPort: listener.ports.smtp!,
    smtpsPort: listener.ports.smtps!,
    /** Greeted and helloed, not logged in. */
    async hello(port = listener.ports.smtp!, how: Parameters<typeof SmtpClient.connect>[1] = {}) {
      const client = await SmtpClient.connect(port, how);
      await client.reply();
      await client.ask('EHLO client.example');
      return client;
    },
    login: (as: Parameters<typeof SmtpClient.login>[1] = {}) => SmtpClient.login(listener.ports.smtp!, as),
  };
}
