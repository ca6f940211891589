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
