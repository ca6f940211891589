// Debian's Dovecot beside the system's own: configuration, run directory and mail below a directory of its own.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { PATH } from './programs.ts';

export type Dovecot = Awaited<ReturnType<typeof startDovecot>>;

const PASSWORD = 'dovecot-password';
/** Mail may not belong to root. */
const NOBODY = 65534;

export async function startDovecot() {
  const home = await mkdtemp(join(tmpdir(), 'dovecot-'));
  const port = await freePort();
  const isRoot = process.getuid?.() === 0;
  const [uid, gid] = isRoot ? [NOBODY, NOBODY] : [process.getuid!(), process.getgid!()];
  const maildir = join(home, 'mail', 'bounces');
  for (const part of ['', 'cur', 'new', 'tmp']) await mkdir(join(maildir, part), { recursive: true });
  for (const path of [join(home, 'mail'), maildir, ...['cur', 'new', 'tmp'].map(part => join(maildir, part))])
    await chown(path, uid, gid);
  await chmod(home, 0o755);
  await writeFile(
    join(home, 'dovecot.conf'),
    configuration(home, port, isRoot ? 'nobody' : userInfo().username, uid, gid),
  );
  const server: ChildProcess = spawn('dovecot', ['-F', '-c', join(home, 'dovecot.conf')], {
    env: { ...process.env, PATH },
    stdio: 'ignore',
  });
  const ended = once(server, 'exit');
  await eventually(() => greets(port));
  let delivered = 0;
  return {
    port,
    maildir,
    uid,
    gid,
    /** For POSTERN_BOUNCE_MAILBOXES. */
    url: (query = 'every=1s') => `imap://bounces:${PASSWORD}@127.0.0.1:${port}/INBOX?tls=none&${query}`,
    /** Puts mail into the inbox as a delivery agent does: written elsewhere, then renamed. */
    async deliver(bytes: Buffer): Promise<void> {
      delivered += 1;
      const name = `${Date.now()}.${process.pid}_${delivered}.test`;
      await writeFile(join(maildir, 'tmp', name), bytes);
      await chown(join(maildir, 'tmp', name), uid, gid);
      await rename(join(maildir, 'tmp', name), join(maildir, 'new', name));
    },
    /** How many messages lie in a folder. */
    async count(folder = ''): Promise<number> {
      const where = folder === '' ? maildir : join(maildir, `.${folder}`);
      const parts = await Promise.all(['cur', 'new'].map(part => readdir(join(where, part)).catch(() => [])));
      return parts.flat().length;
    },
    async stop(): Promise<void> {
      server.kill();
      await ended;
      await rm(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function configuration(home: string, port: number, user: string, uid: number, gid: number): string {
  return `protocols = imap
listen = 127.0.0.1
base_dir = ${home}/run
state_dir = ${home}/state
log_path = ${home}/dovecot.log
ssl = no
disable_plaintext_auth = no
default_internal_user = ${user}
default_login_user = ${user}
default_internal_group = ${execFileSync('id', ['-gn', user], { encoding: 'utf8' }).trim()}
mail_location = maildir:${home}/mail/%n
mailbox_list_index = no
first_valid_uid = 1
first_valid_gid = 1
service imap-login {
  chroot =
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = 0
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
passdb {
  driver = static
  args = password=${PASSWORD}
}
userdb {
  driver = static
  args = uid=${uid} gid=${gid} home=${home}/mail/%n
}
`;
}

async function greets(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    const [greeting] = await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => [''])]);
    if (!String(greeting).startsWith('* OK')) throw new Error('no greeting yet');
  } finally {
    socket.destroy();
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise(resolve => server.close(resolve));
  return port;
}
