// Debian's smtp-sink as the upstream for throughput: a small C program that takes mail and throws it away.
//
// It counts by itself (`-c`), one short write per message, and writes the counter into a file whose end is looked at
// every few milliseconds. Counting in a sink of our own would cost several times that, in JavaScript, on the cores
// that the relay needs; a pipe would wake the generator for every message.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sink } from './sink.ts';
import { isListening } from './workspace.ts';

/** Haraka opens a connection for every message under way. */
const MOST_CONNECTIONS = 1_000;
const LONGEST_LINE = 128;

/** Throws ENOENT when the program is not installed. */
export async function startSmtpSink(port: number, directory: string): Promise<Sink> {
  const counter = openSync(join(directory, `smtp-sink-${port}.count`), 'w+');
  const rights = process.getuid?.() === 0 ? ['-u', 'nobody'] : []; // it refuses to stay root
  const args = [...rights, '-c', '-m', String(MOST_CONNECTIONS), `127.0.0.1:${port}`, '1024'];
  const child = spawn('smtp-sink', args, { stdio: ['ignore', counter, 'inherit'] });
  await listening(child, port);
  return {
    received: () => lastCount(counter),
    stop: async () => {
      const ended = new Promise(resolve => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      closeSync(counter);
    },
  };
}

async function listening(child: ChildProcess, port: number): Promise<void> {
  let failure: Error | null = null;
  child.once('error', error => {
    failure = error;
  });
  child.once('exit', code => {
    failure ??= new Error(`smtp-sink ended with ${code}`);
  });
  while (!(await isListening(port))) {
    if (failure) throw failure;
    await sleep(20);
  }
}

/** The file holds `sess=1 quit=0 mesg=42` again and again, each ended by a carriage return. */
function lastCount(file: number): number {
  const tail = Buffer.alloc(LONGEST_LINE);
  const length = readSync(file, tail, 0, LONGEST_LINE, Math.max(0, fstatSync(file).size - LONGEST_LINE));
  const counts = [...tail.toString('latin1', 0, length).matchAll(/mesg=(\d+)\r/g)];
  return Number(counts.at(-1)?.[1] ?? 0);
}
