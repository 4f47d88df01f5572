import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A process that a benchmark measures with. */
export interface Peer {
  /** Its peak memory in bytes, once it has left; rejects where it ends without a word. */
  left: Promise<number>;
}

/** Starts one of the programs in this folder; it is to end itself by `leave`. */
export function startPeer(program: 'idle-trainer' | 'raw-peer', ...args: string[]): Peer {
  const child = fork(fileURLToPath(new URL(`./${program}.js`, import.meta.url)), args);
  const left = new Promise<number>((resolve, reject) => {
    child.on('message', (peak) => resolve(peak as number));
    child.on('error', reject);
    child.on('close', (code, signal) => reject(new Error(`${program} ended with ${signal ?? code} in the middle`)));
  });
  // Whoever waits for it sees its error; it must not end the process before.
  left.catch(() => undefined);
  return { left };
}

/** To be called by a peer when its work is done. */
export function leave(): void {
  process.send?.(peakBytes());
  process.disconnect();
}

/** The most memory that this process has held so far. */
export const peakBytes = (): number => process.resourceUsage().maxRSS * 1024;
