// An examiner that asks a name server on loopback, and the message that most tests send through it.
import { createExaminer, type Examination, type ExaminerOptions } from '../../relay/authentication/examine.ts';
import type { AuthenticationFacts } from '../../relay/authentication/facts.ts';
import { readAuthors } from '../../relay/sender.ts';
import type { Address } from '../../src/mail/address.ts';
import { scanHeader } from '../../src/mail/header.ts';
import { createLog } from '../../src/platform/log.ts';
import { createResolver } from '../../src/platform/resolver.ts';
import { type NameServer, startNameServer, type Zone } from './dns.ts';

export const MESSAGE =
  'From: Shop <shop@x.example>\r\nTo: b@z.example\r\nSubject: Your order\r\n' +
  'Date: Mon, 01 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@x.example>\r\n\r\nIt has left.\r\n\r\nThe shop\r\n';

export type TestExaminer = {
  readonly dns: NameServer;
  /** Lines of the log. */
  readonly logged: string[];
  /** Of a logged-in client with the return path b.x.example, unless told otherwise. */
  examine(message: string, input?: Partial<Examination>): Promise<AuthenticationFacts>;
  stop(): Promise<void>;
};

export async function startExaminer(zone: Zone, options: Partial<ExaminerOptions> = {}): Promise<TestExaminer> {
  const dns = await startNameServer(zone);
  const logged: string[] = [];
  const examine = createExaminer({
    resolve: createResolver({ servers: [dns.address], clock: Date.now, timeoutMs: 1_000 }),
    hostname: 'mail.gw.example',
    clock: Date.now,
    log: createLog('info', { write: line => logged.push(line) }),
    ...options,
  });
  return {
    dns,
    logged,
    examine(message, input = {}) {
      const content = Buffer.from(message, 'latin1');
      const header = scanHeader(content);
      return examine({
        ...{ content, header, authors: readAuthors(content, header) },
        envelope: { reversePath: 'bounce@b.x.example' as Address },
        session: { remoteAddress: '127.0.0.1', clientName: 'app.example', authenticated: true },
        willSign: [],
        returnPath: { domain: 'b.x.example' },
        upstreams: ['main'],
        ...input,
      });
    },
    stop: () => dns.stop(),
  };
}

/** A client that did not log in, at that address. */
export function stranger(remoteAddress: string, reversePath: string | null = 'bounce@b.x.example') {
  return {
    session: { remoteAddress, clientName: 'app.example', authenticated: false },
    envelope: { reversePath: reversePath as Address | null },
  };
}
