// Programs that nobody here wrote. Where one is missing, its suite is skipped and says so, here and in the summary.
import { spawnSync } from 'node:child_process';

const PROGRAMS = {
  'redis-server': 'no redis-server: the queue over Redis is not tested (Debian: redis-server)',
  swaks: 'no swaks: not tested as a client (Debian: swaks)',
  python3: "no python3: Python's smtplib is not tested as a client",
  'opendkim-genkey': 'no opendkim-genkey: a key record of its making is not tested (Debian: opendkim-tools)',
  dkimverify: 'no dkimverify: signatures are not verified by dkimpy (Debian: python3-dkim, python3-nacl)',
  dnsmasq: 'no dnsmasq: domains are not checked against a real DNS server (Debian: dnsmasq)',
  dovecot: 'no dovecot: a real mailbox is not polled (Debian: dovecot-imapd)',
  postfix: 'no postfix: real reports are not made, mail is not delivered to a real MX host (Debian: postfix)',
  chromium: 'no chromium: the reference page of the API is not opened in a browser (Debian: chromium)',
  'smtp-sink': 'no smtp-sink: not tested as an upstream (Debian: postfix)',
} as const;

export type Program = keyof typeof PROGRAMS;

export function has(program: Program): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`], { env: { ...process.env, PATH } }).status === 0;
}

/** For a suite's title: empty, or why it is skipped. */
export function unlessInstalled(program: Program): string {
  return has(program) ? '' : ` (skipped: ${PROGRAMS[program]})`;
}

export function missingPrograms(): string[] {
  return (Object.keys(PROGRAMS) as Program[]).filter(program => !has(program)).map(program => PROGRAMS[program]);
}

/** Debian keeps smtp-sink where an ordinary user's shell does not look. */
export const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;
