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
// Debian's Postfix as an MX host: an instance of its own in a directory of its own, at a loopback address that the test
// chooses. What it takes it hands to a scripted upstream, so that no daemon of it has to be root: in a container, root may
// not read what is another user's. Its master wants to be started by root all the same.
import { execFile } from 'node:child_process';
import { chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { has, PATH, unlessInstalled } from './programs.ts';
import { type Certificate, ScriptedUpstream } from './upstream.ts';

const run = promisify(execFile);

export type Postfix = {
  readonly port: number;
  /** What has arrived, for anybody. */
  messages(): string[];
  log(): Promise<string>;
  stop(): Promise<void>;
};

export const canRunPostfix = has('postfix') && userInfo().uid === 0;

/** For a suite's title. */
export const unlessPostfixRuns = canRunPostfix
  ? ''
  : unlessInstalled('postfix') || ' (skipped: only root starts Postfix)';

export async function startPostfix(
  host: string,
  domains: readonly string[],
  certificate: Certificate,
): Promise<Postfix> {
  const directory = await mkdtemp(join(tmpdir(), 'postfix-'));
  const port = await freePort(host);
  const sink = await ScriptedUpstream.start();
  const at = (name: string) => join(directory, name);
  await Promise.all(['queue', 'data'].map(name => mkdir(at(name))));
  await chown(at('data'), Number((await run('id', ['-u', 'postfix'])).stdout), -1);
  // mkdtemp lets only root in, and the daemons are others.
  await run('chmod', ['755', directory]);
  await writeFile(at('tls.pem'), `${certificate.key}\n${certificate.cert}\n`, { mode: 0o600 });
  await writeFile(at('main.cf'), mainConfiguration(directory, domains, sink.port));
  await writeFile(at('master.cf'), masterConfiguration(host, port));
  const postfix = (command: string) => run('postfix', ['-c', directory, command], { env: { PATH } });
  await postfix('start');
  return {
    port,
    messages: () => sink.messages.map(({ content }) => content.toString()),
    log: () => readFile(at('log'), 'utf8'),
    async stop() {
      await postfix('stop');
      await sink.stop();
      await rm(directory, { recursive: true });
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
function mainConfiguration(directory: string, domains: readonly string[], sinkPort: number): string {
  return [
    'compatibility_level = 3.6',
    ...['mail_owner = postfix', 'command_directory = /usr/sbin', 'daemon_directory = /usr/lib/postfix/sbin'],
    ...[`queue_directory = ${directory}/queue`, `data_directory = ${directory}/data`],
    ...[`maillog_file = ${directory}/log`, `maillog_file_prefixes = ${directory}`],
    ...['inet_interfaces = loopback-only', 'inet_protocols = ipv4', 'myhostname = mx.test', 'mydestination ='],
    ...[
      'mynetworks =',
      'smtpd_relay_restrictions = reject_unauth_destination',
      'alias_maps =',
      'local_recipient_maps =',
    ],
    ...[`virtual_mailbox_domains = ${domains.join(' ')}`, 'virtual_mailbox_maps = static:all'],
    ...[`virtual_transport = smtp:[127.0.0.1]:${sinkPort}`, 'smtpd_tls_security_level = may'],
    'smtpd_tls_received_header = yes',
    ...[`smtpd_tls_chain_files = ${directory}/tls.pem`, ''],
  ].join('\n');
}

function masterConfiguration(host: string, port: number): string {
  const daemons = ['cleanup', 'trivial-rewrite', 'bounce', 'smtp', 'error', 'tlsmgr', 'anvil', 'qmgr', 'postlogd'];
  const names: Record<string, string> = { 'trivial-rewrite': 'rewrite', error: 'retry', postlogd: 'postlog' };
  // Some insist on theirs.
  const limits: Record<string, number> = { cleanup: 0, bounce: 0, tlsmgr: 1, qmgr: 1, postlogd: 1, anvil: 1 };
  const lines = daemons.map(daemon => {
    const type = daemon === 'postlogd' ? 'unix-dgram' : 'unix';
    const isPrivate = ['cleanup', 'qmgr', 'postlogd'].includes(daemon) ? 'n' : 'y';
    return `${names[daemon] ?? daemon} ${type} ${isPrivate} n n - ${limits[daemon] ?? '-'} ${daemon}`;
  });
  return [`${host}:${port} inet n - n - - smtpd`, ...lines, 'defer unix y n n - 0 bounce', ''].join('\n');
}

async function freePort(host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, host, resolve));
  const { port } = server.address() as { port: number };
  await new Promise(resolve => server.close(resolve));
  return port;
}
