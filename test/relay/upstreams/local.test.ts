// Upstreams that are no hosts: a directory, and nothing at all.
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileUpstream } from '../../../relay/upstreams/file.ts';
import { NullUpstream } from '../../../relay/upstreams/null.ts';
import type { Address } from '../../../src/mail/address.ts';
import type { Envelope } from '../../../src/mail/envelope.ts';
import { attempt, envelope, HELLO, settingsOf } from './support.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'file-upstream-'));
});
afterEach(async () => {
  await chmod(directory, 0o700);
  await rm(directory, { recursive: true });
});

const upstream = (path = directory) => new FileUpstream(settingsOf('file', `file://${path}`), () => 1_000_000);

describe('a directory as an upstream', () => {
  it('gets a file a message: the envelope, and behind it the content byte for byte', async () => {
    const to: Envelope = {
      ...{ reversePath: null, ret: 'HDRS', envid: 'QQ+2B', body: '8BITMIME', smtpUtf8: true },
      recipients: [
        { address: 'ü@x.example' as Address, notify: ['SUCCESS', 'DELAY'], orcpt: 'rfc822;a' },
        { address: 'b@x.example' as Address, notify: null, orcpt: null },
      ],
    };
    const content = [Buffer.from('Subject: x\r\n\r\n'), Buffer.from([0x2e, 0x0d, 0x0a, 0xff, 0x00, 0x0a])];
    const results = await attempt(upstream(), to, content);
    const [name, ...others] = await readdir(directory);
    expect(others).toEqual([]);
    expect(name).toMatch(/^[0-9A-Z]{26}\.eml$/);
    expect(results).toEqual(Array(2).fill(`accepted: 250 2.0.0 written to ${name}`));
    const lines = [
      'X-Envelope-From: <> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+2B',
      'X-Envelope-To: <ü@x.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a',
      'X-Envelope-To: <b@x.example>',
      '',
    ];
    const written = await readFile(join(directory, name!));
    expect(written.equals(Buffer.concat([Buffer.from(lines.join('\r\n')), ...content]))).toBe(true);
    // Other people's mail.
    expect((await stat(join(directory, name!))).mode & 0o777).toBe(0o600);
  });

  it('has as many files as there were messages, sorted as they came', async () => {
    const archive = upstream();
    for (let i = 0; i < 20; i += 1) await attempt(archive, envelope(`${i}@x.example`));
    const names = (await readdir(directory)).sort();
    const texts = await Promise.all(names.map(name => readFile(join(directory, name), 'utf8')));
    expect(texts.map(text => /To: <(\d+)@/.exec(text)?.[1])).toEqual(Array.from({ length: 20 }, (_, i) => String(i)));
  });

  it('is made where it is not there', async () => {
    expect((await attempt(upstream(join(directory, 'a/b'))))[0]).toMatch(/^accepted/);
    expect(await readdir(join(directory, 'a/b'))).toHaveLength(1);
  });

  it('that cannot be written to is unreachable, and is left without a trace', async () => {
    const file = join(directory, 'file');
    await writeFile(file, '');
    expect(await attempt(upstream(file))).toEqual(['unreachable at content']);
    await expect(upstream(file).probe()).rejects.toThrow();
    expect(await readdir(directory)).toEqual(['file']);
  });

  it('gets nothing from an attempt that was told to end', async () => {
    const report = await upstream().attempt(envelope('a@x.example'), HELLO, AbortSignal.abort());
    expect(report.results).toEqual([{ kind: 'unreachable', stage: 'content', error: 'shutting down' }]);
    expect(await readdir(directory)).toEqual([]);
  });
});

it('null:// takes everything, and keeps nothing', async () => {
  const nowhere = new NullUpstream(settingsOf('null', 'null://'));
  expect(await attempt(nowhere, envelope('a@x.example', 'b@x.example'))).toEqual(
    Array(2).fill('accepted: 250 2.0.0 dropped'),
  );
  const stopped = await nowhere.attempt(envelope('a@x.example'), HELLO, AbortSignal.abort());
  expect(stopped.results).toEqual([{ kind: 'unreachable', stage: 'connect', error: 'shutting down' }]);
  await expect(nowhere.probe()).resolves.toEqual({ remoteAddress: null, tls: null });
});
