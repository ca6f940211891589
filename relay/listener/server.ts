// The SMTP door: one server for each port, sharing everything but the moment at which TLS begins.
import type { Socket } from 'node:net';
import { SMTPServer, type SMTPServerAuthentication } from 'smtp-server';
import type { Identity } from '../../src/mail/submission.ts';
import type { Logger } from '../../src/platform/log.ts';
import type { Metrics } from '../../src/platform/metrics.ts';
import type { Certificate } from '../../src/platform/tls-certificate.ts';
import type { Authenticate } from '../authenticate.ts';
import { GatewaySession, type Patience, type SessionContext } from './session.ts';

export type ListenerOptions = Omit<SessionContext, 'patience'> & {
  readonly patience?: Patience;
  readonly host: string;
  readonly hostname: string;
  /** null = not that one. */
  readonly smtpPort: number | null;
  readonly smtpsPort: number | null;
  readonly certificate: Certificate;
  readonly authenticate: Authenticate;
  readonly metrics: Metrics;
};

export type Listener = {
  /** Ports in use, as the system gave them. */
  readonly ports: { readonly smtp: number | null; readonly smtps: number | null };
  /** Takes no more connections; 421 to idle sessions; resolves when the last message being read is answered. */
  stop(graceMs: number): Promise<void>;
};

/** RFC 5321 section 4.5.3.2.7 for clients; content takes as long as its last reply may (section 4.5.3.2.6). */
const PATIENCE: Patience = { strangerMs: 60_000, clientMs: 300_000, contentMs: 600_000, paceMs: 60_000 };
const MAX_SESSIONS = 1_000;

export async function startListener(options: ListenerOptions): Promise<Listener> {
  const servers: GatewayServer[] = [];
  const open = async (port: number | null, secure: boolean) => {
    if (port === null) return null;
    const server = new GatewayServer(options, secure);
    servers.push(server);
    return server.open(options.host, port);
  };
  try {
    const ports = { smtp: await open(options.smtpPort, false), smtps: await open(options.smtpsPort, true) };
    return { ports, stop: async graceMs => void (await Promise.all(servers.map(server => server.stop(graceMs)))) };
  } catch (error) {
    await Promise.all(servers.map(server => server.stop(0)));
    throw error;
  }
}

class GatewayServer extends SMTPServer {
  readonly #options: ListenerOptions;

  constructor(options: ListenerOptions, secure: boolean) {
    const { certificate, hostname, authenticate, log, metrics } = options;
    super({
      name: hostname,
      secure,
      cert: certificate.cert,
      key: certificate.key,
      minVersion: 'TLSv1.2',
      logger: false,
      disableReverseLookup: true,
      // Each session decides for itself (POSTERN_INSECURE_AUTH).
      allowInsecureAuth: true,
      authMethods: ['PLAIN', 'LOGIN'],
      hideENHANCEDSTATUSCODES: false,
      authRequiredMessage: 'Authentication required',
      maxClients: MAX_SESSIONS,
      socketTimeout: (options.patience ?? PATIENCE).clientMs,
      disabledCommands: ['XCLIENT', 'XFORWARD'],
      onAuth: (auth, session, callback) => {
        void logIn(authenticate, auth, log, session.remoteAddress).then(result => callback(null, result));
      },
      onClose: (_session, callback) => {
        metrics.sessions.dec();
        callback();
      },
    });
    this.#options = options;
    this.on('error', error => log.debug({ err: error }, 'session error'));
  }

  override connect(socket: Socket, socketOptions: object): void {
    const context = { ...this.#options, patience: this.#options.patience ?? PATIENCE };
    const session = new GatewaySession(this, socket, socketOptions, context);
    this.connections.add(session);
    this.#options.metrics.sessions.inc();
    session.on('error', error => this.#options.log.debug({ err: error }, 'session error'));
    session.init();
  }

  /** The port in use; throws when it cannot be had. */
  open(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.listen(port, host, () => {
        this.server.removeListener('error', reject);
        resolve((this.server.address() as { port: number }).port);
      });
    });
  }

  stop(graceMs: number): Promise<void> {
    return new Promise(resolve => {
      this.options.closeTimeout = Math.max(graceMs, 1);
      this.close(resolve);
      for (const session of this.connections) (session as GatewaySession).shutDown();
    });
  }
}

type AuthResult = { user?: Identity; responseCode?: number; message?: string };

async function logIn(
  authenticate: Authenticate,
  auth: SMTPServerAuthentication,
  log: Logger,
  remoteAddress: string,
): Promise<AuthResult> {
  const user = auth.username ?? '';
  try {
    // Acting for somebody else is not on offer (RFC 4616 section 2).
    const forAnother = Boolean(auth.authzid) && auth.authzid !== user;
    const identity = forAnother ? null : await authenticate(user, auth.password ?? '');
    if (identity) return { user: identity };
    log.info({ event: 'auth-failed', identity: user.slice(0, 64), remoteAddress }, 'auth-failed');
    return { responseCode: 535, message: 'Authentication failed' };
  } catch (error) {
    log.error({ err: error, remoteAddress }, 'authentication unavailable');
    return { responseCode: 454, message: 'Temporary authentication failure' };
  }
}
