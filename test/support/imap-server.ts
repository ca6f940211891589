// A scripted IMAP server (RFC 3501, with IDLE, UIDPLUS and MOVE where wanted): a mailbox in memory that tests fill, look
// into and change behind the client's back, and that says hostile things when told to. Only what a reader of mail needs.
import { createServer, type Server, type Socket } from 'node:net';

export type Stored = { readonly uid: number; readonly bytes: Buffer; readonly flags: Set<string> };

type Folder = { uidValidity: number; uidNext: number; messages: Stored[] };

export type ImapScript = {
  capabilities?: string;
  /** Asked first with each command line; true = answered, in whatever way. */
  intercept?: (line: string, socket: Socket, tag: string) => boolean;
  /** SIZE as it is told, when it is not the truth. */
  toldSize?: number;
  greeting?: string;
};

const CAPABILITIES = 'IMAP4rev1 IDLE UIDPLUS MOVE AUTH=PLAIN AUTH=XOAUTH2 SASL-IR';
export const IMAP_USER = 'bounces';
export const IMAP_PASSWORD = 'imap-password';

export class ImapServer {
  script: ImapScript;
  readonly folders = new Map<string, Folder>([['INBOX', { uidValidity: 7, uidNext: 1, messages: [] }]]);
  /** Command lines, without their tags. */
  readonly commands: string[] = [];
  /** Only tokens in here log in by XOAUTH2. */
  readonly tokens = new Set<string>();
  connections = 0;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  #port = 0;

  static async start(script: ImapScript = {}): Promise<ImapServer> {
    const server = new ImapServer(script);
    await server.listen();
    return server;
  }

  private constructor(script: ImapScript) {
    this.script = script;
  }

  async listen(): Promise<void> {
    this.#server = createServer(socket => this.#serve(socket));
    await new Promise<void>(resolve => this.#server!.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as { port: number }).port;
  }

  /** Takes no more connections, and breaks those that there are. */
  async stop(): Promise<void> {
    const closed = new Promise(resolve => this.#server!.close(resolve));
    this.breakConnections();
    await closed;
  }

  breakConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  get inbox(): Folder {
    return this.folders.get('INBOX')!;
  }

  /** For POSTERN_BOUNCE_MAILBOXES. */
  url(query = 'every=1s', login = `${IMAP_USER}:${IMAP_PASSWORD}@`): string {
    return `imap://${login}127.0.0.1:${this.#port}/INBOX?tls=none&${query}`;
  }

  /** Mail comes in; who idles is told. */
  deliver(...messages: readonly Buffer[]): void {
    for (const bytes of messages) this.#append('INBOX', bytes, new Set());
    for (const socket of this.#sockets) socket.write(`* ${this.inbox.messages.length} EXISTS\r\n`);
  }

  /** Somebody else takes mail away. */
  expunge(uid: number): void {
    const index = this.inbox.messages.findIndex(message => message.uid === uid);
    this.inbox.messages.splice(index, 1);
    for (const socket of this.#sockets) socket.write(`* ${index + 1} EXPUNGE\r\n`);
  }

  /** The server lost its numbers, and gives new ones. */
  renumber(): void {
    const { inbox } = this;
    inbox.uidValidity += 1;
    inbox.messages = inbox.messages.map((message, i) => ({ ...message, uid: i + 1 }));
    inbox.uidNext = inbox.messages.length + 1;
    this.breakConnections();
  }

  #append(name: string, bytes: Buffer, flags: Set<string>): void {
    const folder = this.folders.get(name)!;
    folder.messages.push({ uid: folder.uidNext, bytes, flags });
    folder.uidNext += 1;
  }

  #serve(socket: Socket): void {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    socket.write(this.script.greeting ?? '* OK scripted\r\n');
    let buffered = '';
    /** Takes the next line in place of a command. */
    let continuation: ((line: string) => void) | null = null;
    socket.on('data', data => {
      buffered += data.toString('latin1');
      for (let end = buffered.indexOf('\r\n'); end >= 0; end = buffered.indexOf('\r\n')) {
        const line = buffered.slice(0, end);
        buffered = buffered.slice(end + 2);
        if (continuation !== null) {
          const goOn = continuation;
          continuation = null;
          goOn(line);
          continue;
        }
        const [tag = '', ...rest] = line.split(' ');
        const command = rest.join(' ');
        this.commands.push(command);
        if (this.script.intercept?.(command, socket, tag)) continue;
        if (command.toUpperCase() === 'IDLE') {
          continuation = () => socket.write(`${tag} OK idled\r\n`);
          socket.write('+ idling\r\n');
        } else if (/^AUTHENTICATE \S+$/i.test(command)) {
          continuation = response => this.#answer(socket, tag, `${command} ${response}`);
          socket.write('+ \r\n');
        } else this.#answer(socket, tag, command);
      }
    });
  }

  #answer(socket: Socket, tag: string, command: string): void {
    const name = /^(UID )?\S+/i.exec(command)![0].toUpperCase();
    const rest = command.slice(name.length + 1);
    const ok = (untagged: readonly (string | Buffer)[] = [], code = '') => {
      for (const line of untagged) socket.write(line);
      socket.write(`${tag} OK ${code}done\r\n`);
    };
    const no = (text: string) => socket.write(`${tag} NO ${text}\r\n`);
    const { inbox } = this;
    switch (name) {
      case 'CAPABILITY':
        return ok([`* CAPABILITY ${this.script.capabilities ?? CAPABILITIES}\r\n`]);
      case 'LOGIN':
        return rest.replaceAll('"', '') === `${IMAP_USER} ${IMAP_PASSWORD}`
          ? ok()
          : void no('[AUTHENTICATIONFAILED] no');
      case 'AUTHENTICATE':
        return this.#isKnown(rest) ? ok() : void no('[AUTHENTICATIONFAILED] Invalid credentials');
      case 'SELECT':
        return ok(
          [
            `* ${inbox.messages.length} EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen \\Deleted)\r\n`,
            `* OK [PERMANENTFLAGS (\\Seen \\Deleted \\*)] ok\r\n* OK [UIDVALIDITY ${inbox.uidValidity}] ok\r\n`,
            `* OK [UIDNEXT ${inbox.uidNext}] ok\r\n`,
          ],
          '[READ-WRITE] ',
        );
      case 'LIST':
      case 'LSUB':
        return ok(this.#list(name, rest));
      case 'CREATE': {
        const folder = rest.replaceAll('"', '');
        if (this.folders.has(folder)) return void no('[ALREADYEXISTS] it is there');
        this.folders.set(folder, { uidValidity: 1, uidNext: 1, messages: [] });
        return ok();
      }
      case 'UID SEARCH': {
        const found = this.#inSet(/UID (\S+)/i.exec(rest)?.[1] ?? '1:*').map(({ uid }) => uid);
        return ok([`* SEARCH ${found.join(' ')}\r\n`]);
      }
      case 'UID FETCH':
        return ok(this.#fetch(rest));
      case 'UID MOVE':
        return ok(this.#move(rest));
      case 'UID STORE': {
        const flags = /\(([^)]*)\)/.exec(rest)![1]!.split(' ');
        for (const message of this.#inSet(rest)) for (const flag of flags) message.flags.add(flag);
        return ok();
      }
      case 'UID COPY': {
        const folder = rest.split(' ')[1]!.replaceAll('"', '');
        for (const { bytes, flags } of this.#inSet(rest)) this.#append(folder, bytes, new Set(flags));
        return ok();
      }
      case 'UID EXPUNGE':
        return ok(this.#remove(this.#inSet(rest).filter(({ flags }) => flags.has('\\Deleted'))));
      case 'LOGOUT':
        socket.end(`* BYE bye\r\n${tag} OK bye\r\n`);
        return;
      default:
        return ok();
    }
  }

  #isKnown(rest: string): boolean {
    const [mechanism, initial = ''] = rest.split(' ');
    const said = Buffer.from(initial, 'base64').toString();
    if (mechanism?.toUpperCase() === 'PLAIN') return said === `\0${IMAP_USER}\0${IMAP_PASSWORD}`;
    return this.tokens.has(/auth=Bearer ([^\x01]+)/.exec(said)?.[1] ?? '');
  }

  #list(name: string, rest: string): string[] {
    const wanted = /"?([^"\s]*)"?$/.exec(rest)![1]!;
    const names = [...this.folders.keys()].filter(folder => wanted.includes('*') || wanted === '' || folder === wanted);
    if (wanted === '') return [`* ${name} (\\Noselect) "/" ""\r\n`];
    return names.map(folder => `* ${name} () "/" "${folder}"\r\n`);
  }

  #fetch(rest: string): (string | Buffer)[] {
    const wantsSource = /BODY\.PEEK\[\]/i.test(rest);
    // BODY[] without PEEK marks as read: exactly what must not be asked for.
    if (/BODY\[/i.test(rest)) for (const message of this.#inSet(rest)) message.flags.add('\\Seen');
    return this.#inSet(rest).map(message => {
      const { uid, bytes } = message;
      const n = this.inbox.messages.indexOf(message) + 1;
      const size = this.script.toldSize ?? bytes.length;
      const head = `* ${n} FETCH (UID ${uid} RFC822.SIZE ${size}`;
      if (!wantsSource) return `${head})\r\n`;
      return Buffer.concat([Buffer.from(`${head} BODY[] {${bytes.length}}\r\n`), bytes, Buffer.from(')\r\n')]);
    });
  }

  #move(rest: string): string[] {
    const folder = rest.split(' ')[1]!.replaceAll('"', '');
    const moved = this.#inSet(rest);
    for (const { bytes, flags } of moved) this.#append(folder, bytes, flags);
    return this.#remove(moved);
  }

  #remove(gone: readonly Stored[]): string[] {
    return gone.map(message => {
      const index = this.inbox.messages.indexOf(message);
      this.inbox.messages.splice(index, 1);
      return `* ${index + 1} EXPUNGE\r\n`;
    });
  }

  /** `1:3,7,9:*` at the beginning. */
  #inSet(text: string): Stored[] {
    const { messages } = this.inbox;
    const last = messages.at(-1)?.uid ?? 0;
    const bound = (part: string) => (part === '*' ? last : Number(part));
    const ranges = text
      .split(' ')[0]!
      .split(',')
      .map(range => {
        const [from, to = from] = range.split(':').map(bound) as [number, number?];
        return [Math.min(from, to), Math.max(from, to)] as const;
      });
    return messages.filter(({ uid }) => ranges.some(([from, to]) => uid >= from && uid <= to));
  }
}
