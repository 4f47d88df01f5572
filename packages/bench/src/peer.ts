import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A process that a benchmark measures with. */
export interface Peer {
  process: ChildProcess;
  /** Its peak memory in bytes, once it has left; rejects where it ends without a word. */
  left: Promise<number>;
}

/** Starts a program of this folder (`exchange/raw-peer`), which is to end itself by `leave`. */
export function startPeer(program: string, ...args: string[]): Peer {
  const child = fork(fileURLToPath(new URL(`./${program}.js`, import.meta.url)), args);
  const left = new Promise<number>((resolve, reject) => {
    child.on('message', (message: PeerMessage) => {
      if ('peak' in message) resolve(message.peak);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => reject(new Error(`${program} ended with ${signal ?? code} in the middle`)));
  });
  // Whoever waits for it sees its error; it must not end the process before.
  left.catch(() => undefined);
  return { process: child, left };
}

/**
 * What a turn took; `pause`, where it is measured, is the longest time for which the peer's event loop did not turn, in
 * milliseconds.
 */
export interface PeerTurn {
  milliseconds: number;
  pause?: number;
}

/** Lets the peer do once what it is told. Rejects where it ends instead. */
export async function takeTurn({ process, left }: Peer, order = 'go'): Promise<PeerTurn> {
  process.send(order);
  const [turn] = (await Promise.race([once(process, 'message'), left])) as [PeerTurn];
  return turn;
}

/** What a peer says: what a turn took, and in the end its peak memory in bytes. */
export type PeerMessage = PeerTurn | { peak: number };

/** Tells the benchmark the peak memory and disconnects. A peer calls it when its work is done. */
export function leave(peak = peakBytes()): void {
  process.send?.({ peak } satisfies PeerMessage);
  process.disconnect();
}

/** The most memory that this process has held so far. */
export const peakBytes = (): number => process.resourceUsage().maxRSS * 1024;
