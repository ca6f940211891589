// The SMTP door: one server for each port, sharing everything but the moment at which TLS begins.
import type { Socket } from 'node:net';
import { SMTPServer } from 'smtp-server';
import type { Identity } from '../../src/mail/submission.ts';
import { FailedLogins } from '../../src/platform/failed-logins.ts';
import type { Metrics } from '../../src/platform/metrics.ts';
import { isIn, type Network, parseAddress, parseNetwork } from '../../src/platform/networks.ts';
import type { Certificate } from '../../src/platform/tls-certificate.ts';
import type { Authenticate } from '../authenticate.ts';
import { createLogIn } from './log-in.ts';
import { readProxyHeader } from './proxy-header.ts';
import { createTellOfRefusal, NO_ROOM_REPLY, type TellOfRefusal } from './refusals.ts';
import { type Arrival, GatewaySession, type Patience, type SessionContext } from './session.ts';
import { type NoRoom, type Place, SessionCounts } from './session-counts.ts';
import { TLS_OPTIONS } from './tls-options.ts';
import type { TrustedNetworks } from './trusted-networks.ts';

export type ListenerOptions = Omit<SessionContext, 'patience'> & {
  readonly patience?: Partial<Patience>;
  readonly host: string;
  /** null = not that one. */
  readonly smtpPort: number | null;
  readonly smtpsPort: number | null;
  readonly certificate: Certificate;
  readonly authenticate: Authenticate;
  readonly trusted: TrustedNetworks;
  /** Of balancers, whose connections begin with a PROXY header. */
  readonly proxyNetworks: readonly string[];
  /** Sessions of one address at a time, before and after login. */
  readonly maxStrangersPerHost: number;
  readonly maxClientsPerHost: number;
  readonly metrics: Metrics;
};

export type Listener = {
  /** Ports in use, as the system gave them. */
  readonly ports: { readonly smtp: number | null; readonly smtps: number | null };
  /** Takes no more connections; 421 to idle sessions; resolves when the last message being read is answered. */
  stop(graceMs: number): Promise<void>;
};

/** RFC 5321 section 4.5.3.2.7 for clients; content takes as long as its last reply may (section 4.5.3.2.6). */
const PATIENCE: Patience = {
  ...{ strangerMs: 60_000, clientMs: 300_000, contentMs: 600_000, paceMs: 60_000 },
  ...{ handshakeMs: 30_000, proxyMs: 5_000, penaltyMs: 1_000 },
};
const MAX_SESSIONS = 1_000;
/** What the ports have in common. */
type Shared = {
  readonly options: ListenerOptions;
  readonly context: SessionContext;
  readonly proxyNetworks: readonly Network[];
  readonly counts: SessionCounts;
  readonly logIn: ReturnType<typeof createLogIn>;
  readonly tellOfRefusal: TellOfRefusal;
};

export async function startListener(options: ListenerOptions): Promise<Listener> {
  const shared = share(options);
  const servers: GatewayServer[] = [];
  const open = async (port: number | null, secure: boolean) => {
    if (port === null) return null;
    const server = new GatewayServer(shared, secure);
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

function share(options: ListenerOptions): Shared {
  const { authenticate, log, metrics, maxStrangersPerHost, maxClientsPerHost } = options;
  return {
    options,
    context: { ...options, patience: { ...PATIENCE, ...options.patience } },
    proxyNetworks: options.proxyNetworks.map(parseNetwork),
    counts: new SessionCounts(
      { total: MAX_SESSIONS, strangersPerHost: maxStrangersPerHost, clientsPerHost: maxClientsPerHost },
      (kind, by) => metrics.sessions.inc({ kind }, by),
    ),
    logIn: createLogIn({ authenticate, failedLogins: new FailedLogins(), log, metrics }),
    tellOfRefusal: createTellOfRefusal(log, metrics),
  };
}

type Accepted = (error: Error | null, arrival?: Arrival & { id: string }) => void;

type Upgraded = Parameters<SMTPServer['_upgrade']>[1];

/** Where a connection comes from. */
type Origin = Pick<Arrival, 'remoteAddress' | 'remotePort' | 'isProxied'> & {
  /** false behind a balancer that did not say who it is: the address is the balancer's. */
  readonly isKnown: boolean;
};

class GatewayServer extends SMTPServer {
  readonly #shared: Shared;
  readonly #secure: boolean;

  constructor(shared: Shared, secure: boolean) {
    const { certificate, hostname } = shared.options;
    super({
      name: hostname,
      secure,
      cert: certificate.cert,
      key: certificate.key,
      ...TLS_OPTIONS,
      logger: false,
      disableReverseLookup: true,
      // Each session decides for itself (POSTERN_INSECURE_AUTH).
      allowInsecureAuth: true,
      authMethods: ['PLAIN', 'LOGIN'],
      hideENHANCEDSTATUSCODES: false,
      // And whether it knows who it is talking to.
      authOptional: true,
      // Sockets that are not sessions yet; those are counted by us.
      maxClients: MAX_SESSIONS,
      socketTimeout: shared.context.patience.clientMs,
      disabledCommands: ['XCLIENT', 'XFORWARD'],
      // At once: smtp-server hangs up on whoever says something in the turn of the event loop that it waits otherwise.
      onConnect: (_session, callback) => callback(),
      onSecure: (_socket, _session, callback) => callback(),
      onAuth: (auth, session, callback) => {
        void shared.logIn(auth, session.remoteAddress).then(result => callback(null, result));
      },
    });
    this.#shared = shared;
    this.#secure = secure;
    this.on('error', error => shared.options.log.debug({ err: error }, 'session error'));
  }

  /** From a balancer that we know a header comes first; others who send one are told that it is no command. */
  override _expectsProxyHeader(socket: Socket): boolean {
    const address = parseAddress(socket.remoteAddress);
    return address !== null && this.#shared.proxyNetworks.some(network => isIn(network, address));
  }

  /** What smtp-server does with each connection first: it is counted here, before a handshake is paid for. */
  override _handleProxy(socket: Socket, accepted: Accepted): void {
    const direct = { remoteAddress: socket.remoteAddress ?? '', remotePort: socket.remotePort ?? 0 };
    if (!this._expectsProxyHeader(socket)) {
      return this.#accept(socket, { ...direct, isProxied: false, isKnown: true }, accepted);
    }
    socket.on('error', () => undefined);
    void readProxyHeader(socket, this.#shared.context.patience.proxyMs).then(header => {
      if (header === null) return this.#refuseHeader(socket, direct.remoteAddress, accepted);
      const { client } = header;
      const named = client ? { remoteAddress: client.address, remotePort: client.port } : direct;
      this.#accept(socket, { ...named, isProxied: true, isKnown: client !== null }, accepted);
    });
  }

  #refuseHeader(socket: Socket, remoteAddress: string, accepted: Accepted): void {
    // Balancers look whether a port is open by opening it.
    if (socket.bytesRead > 0) {
      this.#shared.options.log.warn({ event: 'proxy-header-refused', remoteAddress }, 'proxy-header-refused');
    }
    socket.destroy();
    accepted(new Error('no PROXY header'));
  }

  #accept(socket: Socket, origin: Origin, accepted: Accepted): void {
    const { counts, options } = this.#shared;
    const place = counts.enter(origin.remoteAddress);
    if (typeof place === 'string') {
      this.#refuse(socket, place, origin.remoteAddress);
      return accepted(new Error(place));
    }
    socket.once('close', place.leave);
    const welcome = (trusted: Identity | null) => {
      const full = trusted && place.becomeClient();
      if (full) this.#refuse(socket, full, origin.remoteAddress);
      // smtp-server's own id is made when there is none.
      if (full || socket.destroyed) accepted(new Error(full ?? 'gone'));
      else accepted(null, { ...origin, place: this.#telling(place, origin.remoteAddress), trusted, id: '' });
    };
    const trusted = origin.isKnown ? options.trusted(origin.remoteAddress) : null;
    if (!(trusted instanceof Promise)) return welcome(trusted);
    socket.on('error', () => undefined);
    void trusted.then(welcome);
  }

  /** A session that logs in and finds no room is told of like one that comes. */
  #telling(place: Place, remoteAddress: string): Place {
    const becomeClient = () => {
      const full = place.becomeClient();
      if (full) this.#shared.tellOfRefusal(full, remoteAddress);
      return full;
    };
    return { ...place, becomeClient };
  }

  /** smtp-server would wait for the next byte of a handshake, again and again. */
  override _upgrade(socket: Socket, upgraded: Upgraded): void {
    const end = () => (this._pendingSockets.get(socket) ?? socket).destroy();
    const timer = setTimeout(end, this.#shared.context.patience.handshakeMs).unref();
    super._upgrade(socket, (error, tlsSocket) => {
      clearTimeout(timer);
      upgraded(error, tlsSocket);
    });
  }

  /** In clear it is told why; within TLS that would cost a handshake. */
  #refuse(socket: Socket, rule: NoRoom, remoteAddress: string): void {
    this.#shared.tellOfRefusal(rule, remoteAddress);
    socket.on('error', () => undefined);
    if (!this.#secure) socket.write(NO_ROOM_REPLY[rule]);
    socket.destroySoon();
  }

  override connect(socket: Socket, arrival: Arrival): void {
    const { context, options } = this.#shared;
    const session = new GatewaySession(this, socket, arrival, context);
    this.connections.add(session);
    session.on('error', error => options.log.debug({ err: error }, 'session error'));
    session.init();
    // It was on its way in while we closed.
    if (this._closeTimeout) session.shutDown();
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
