// Debian's Postfix beside the system's own, as a smart host: takes whatever this machine gives it, tries to pass it on,
// and when that fails writes its report, as Postfix does, into a mailbox of the domain that return paths are in.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Dovecot, freePort } from './dovecot.ts';
import { eventually } from './eventually.ts';
import { PATH } from './programs.ts';

export type PostfixOptions = {
  /** Where it passes mail on to. */
  readonly nextPort: number;
  /** All mail for this domain is put into the mailbox. */
  readonly bounceDomain: string;
  readonly mailbox: Pick<Dovecot, 'maildir' | 'uid' | 'gid'>;
};

export async function startPostfix(options: PostfixOptions) {
  const home = await mkdtemp(join(tmpdir(), 'postfix-'));
  await chmod(home, 0o755);
  const port = await freePort();
  const config = join(home, 'config');
  for (const name of ['config', 'queue', 'data']) await mkdir(join(home, name));
  await chown(join(home, 'data'), Number(execFileSync('id', ['-u', 'postfix'], { encoding: 'utf8' })), 0);
  await writeFile(join(config, 'main.cf'), mainCf(home, options));
  await writeFile(join(config, 'master.cf'), masterCf(port));
  const server = spawn('postfix', ['-c', config, 'start-fg'], { env: { ...process.env, PATH }, stdio: 'ignore' });
  const ended = once(server, 'exit');
  await eventually(() => greets(port), 20_000);
  return {
    port,
    log: join(home, 'mail.log'),
    async stop(): Promise<void> {
      execFileSync('postfix', ['-c', config, 'stop'], { env: { ...process.env, PATH }, stdio: 'ignore' });
      await ended;
      await rm(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function greets(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    const [greeting] = await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => [''])]);
    if (!String(greeting).startsWith('220')) throw new Error('no greeting yet');
  } finally {
    socket.destroy();
  }
}

function mainCf(home: string, { nextPort, bounceDomain, mailbox }: PostfixOptions): string {
  return `compatibility_level = 3.6
myhostname = smarthost.example.net
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relayhost = [127.0.0.1]:${nextPort}
queue_directory = ${join(home, 'queue')}
data_directory = ${join(home, 'data')}
maillog_file = ${join(home, 'mail.log')}
maillog_file_prefixes = ${home}
alias_maps =
alias_database =
virtual_mailbox_domains = ${bounceDomain}
virtual_mailbox_base = ${dirname(mailbox.maildir)}
virtual_mailbox_maps = static:bounces/
virtual_uid_maps = static:${mailbox.uid}
virtual_gid_maps = static:${mailbox.gid}
virtual_minimum_uid = 1
`;
}

/** Postfix's own defaults for these services, not chrooted: a chroot would want copies of the system's files. */
function masterCf(port: number): string {
  return `127.0.0.1:${port} inet n - n - - smtpd
pickup    unix  n - n 60    1 pickup
cleanup   unix  n - n -     0 cleanup
qmgr      unix  n - n 300   1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n -     - trivial-rewrite
bounce    unix  - - n -     0 bounce
defer     unix  - - n -     0 bounce
trace     unix  - - n -     0 bounce
verify    unix  - - n -     1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n -     - proxymap
smtp      unix  - - n -     - smtp
relay     unix  - - n -     - smtp
showq     unix  n - n -     - showq
error     unix  - - n -     - error
retry     unix  - - n -     - error
virtual   unix  - n n -     - virtual
anvil     unix  - - n -     1 anvil
scache    unix  - - n -     1 scache
postlog   unix-dgram n - n - 1 postlogd
`;
}
