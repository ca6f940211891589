// A SOCKS5 proxy on loopback (RFC 1928) that the test scripts: it may want a login, refuse, or speak in one packet with
// the host behind it.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type SocksScript = {
  readonly login?: { readonly user: string; readonly password: string };
  /** The outcome of CONNECT; 0 connects. */
  readonly outcome?: number;
  /** Bytes instead of any answer. */
  readonly says?: Buffer;
  /** Waits for the host's first words, and sends them together with its own last ones. */
  readonly joins?: true;
};

export async function startSocksProxy(script: SocksScript = {}) {
  /** `host:port` of each CONNECT. */
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer(socket => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    serve(socket, script, asked).catch(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    asked,
    port: (server.address() as AddressInfo).port,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

async function serve(client: Socket, { login, outcome = 0, says, joins }: SocksScript, asked: string[]) {
  const [, count] = await read(client, 2);
  const methods = await read(client, count!);
  if (says) return void client.write(says);
  const wanted = login ? 2 : 0;
  if (!methods.includes(wanted)) return void client.end(Buffer.of(5, 0xff));
  client.write(Buffer.of(5, wanted));
  if (login && !(await isLogin(client, login))) return void client.end(Buffer.of(1, 1));
  if (login) client.write(Buffer.of(1, 0));
  const { host, port } = await readTarget(client);
  asked.push(`${host}:${port}`);
  const answer = Buffer.of(5, outcome, 0, 1, 127, 0, 0, 1, 0, 80);
  if (outcome !== 0) return void client.end(answer);
  const upstream = connect(port, host);
  upstream.on('error', () => client.destroy());
  if (joins) client.write(Buffer.concat([answer, (await once(upstream, 'data'))[0] as Buffer]));
  else client.write(answer);
  client.pipe(upstream).pipe(client);
}

async function isLogin(client: Socket, login: { user: string; password: string }): Promise<boolean> {
  const [, userLength] = await read(client, 2);
  const user = (await read(client, userLength!)).toString();
  const [passwordLength] = await read(client, 1);
  return user === login.user && (await read(client, passwordLength!)).toString() === login.password;
}

async function readTarget(client: Socket): Promise<{ host: string; port: number }> {
  const [, , , type] = await read(client, 4);
  const host =
    type === 1 ? (await read(client, 4)).join('.') : (await read(client, (await read(client, 1))[0]!)).toString();
  return { host, port: (await read(client, 2)).readUInt16BE(0) };
}

async function read(socket: Socket, length: number): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read(length) as Buffer | null;
    if (bytes) return bytes;
    await once(socket, 'readable');
  }
}
