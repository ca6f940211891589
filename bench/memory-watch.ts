// Samples a relay's memory while it works. In a thread of its own: reading smaps_rollup of a dozen processes takes
// several milliseconds, which would stop the generator's event loop and show up as the relay's latency.
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { isNode, pssBytes, type RelayTree, relayPids } from './process-tree.ts';

export interface Memory {
  readonly treeBytes: number;
  /** Its Node processes alone, without a database or other helpers; 0 when it has none. */
  readonly nodeBytes: number;
}

/** One reading of Postfix's 70 processes takes the bench 50 ms of CPU. */
const SAMPLE_EVERY_MS = 1_000;

/** Starts sampling; the returned function stops it and tells the peaks. */
export function watchMemory(tree: RelayTree): () => Promise<Memory> {
  const worker = new Worker(new URL(import.meta.url), { workerData: tree });
  return () =>
    new Promise((resolve, reject) => {
      worker.once('error', reject);
      worker.once('message', (peak: Memory) => {
        resolve(peak);
        void worker.terminate();
      });
      worker.postMessage('stop');
    });
}

/** One reading, now. */
export function memoryNow(tree: RelayTree): Memory {
  let treeBytes = 0;
  let nodeBytes = 0;
  for (const pid of relayPids(tree)) {
    const bytes = pssBytes(pid);
    treeBytes += bytes;
    if (isNode(pid)) nodeBytes += bytes;
  }
  return { treeBytes, nodeBytes };
}

async function sampleUntilStopped(tree: RelayTree): Promise<void> {
  let isStopped = false;
  let peak: Memory = { treeBytes: 0, nodeBytes: 0 };
  parentPort?.once('message', () => {
    isStopped = true;
    peak = higher(peak, memoryNow(tree));
    parentPort?.postMessage(peak);
  });
  while (!isStopped) {
    peak = higher(peak, memoryNow(tree));
    await sleep(SAMPLE_EVERY_MS);
  }
}

function higher(a: Memory, b: Memory): Memory {
  return { treeBytes: Math.max(a.treeBytes, b.treeBytes), nodeBytes: Math.max(a.nodeBytes, b.nodeBytes) };
}

if (!isMainThread) void sampleUntilStopped(workerData as RelayTree);
