// Debian's Postfix with its default settings, beside the system's own: configuration, queue and log in its home.
import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isListening } from '../workspace.ts';
import { type Finding, launch, type Relay, type RunningRelay, type Site, stopTree } from './relay.ts';

export const postfix: Relay = { name: 'postfix', find, start };

function find(): Finding {
  try {
    const version = execFileSync('postconf', ['-dh', 'mail_version'], { encoding: 'utf8', stdio: 'pipe' }).trim();
    if (process.getuid?.() === 0) return { kind: 'found', version };
    return { kind: 'absent', why: 'needs root (its daemons change users)' };
  } catch {
    return { kind: 'absent', why: 'not installed (apt-get install postfix)' };
  }
}

async function start(site: Site): Promise<RunningRelay> {
  const config = join(site.home, 'config');
  for (const name of ['config', 'queue', 'data']) mkdirSync(join(site.home, name), { recursive: true });
  chownSync(join(site.home, 'data'), mailOwner(), 0);
  writeFileSync(join(config, 'main.cf'), mainCf(site));
  writeFileSync(join(config, 'master.cf'), masterCf(site.smtpPort));
  const { tree } = await launch({
    program: 'postfix',
    args: ['-c', config, 'start-fg'],
    home: site.home,
    isReady: () => isListening(site.smtpPort),
  });
  return { tree, smtpPort: site.smtpPort, stop: () => stopTree(tree) };
}

function mailOwner(): number {
  return Number(execFileSync('id', ['-u', 'postfix'], { encoding: 'utf8' }));
}

function mainCf(site: Site): string {
  return `compatibility_level = 3.6
myhostname = postfix.bench.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relayhost = [127.0.0.1]:${site.upstreamPort}
queue_directory = ${join(site.home, 'queue')}
data_directory = ${join(site.home, 'data')}
maillog_file = ${join(site.home, 'mail.log')}
maillog_file_prefixes = ${site.home}
alias_maps =
alias_database =
smtpd_tls_security_level = may
smtpd_tls_chain_files = ${site.certificate.key}, ${site.certificate.cert}
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
anvil     unix  - - n -     1 anvil
scache    unix  - - n -     1 scache
postlog   unix-dgram n - n - 1 postlogd
`;
}
