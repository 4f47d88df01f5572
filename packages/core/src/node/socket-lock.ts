import { createHash } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * Runs `work` in one process of this machine at a time; the others call `onWait` once and wait for their turn.
 *
 * The lock is a listening socket in Linux's abstract namespace: the kernel drops it with its process, however that
 * dies, so no lock can be left behind, and those who wait are connected to it and learn of its end at once. Where
 * such a socket cannot be had, `work` runs without: the lock saves doing it twice, and nothing else may hang on it.
 * @throws the signal's reason when it fires while waiting.
 */
export async function exclusively<T>(
  name: string,
  work: () => Promise<T>,
  onWait: () => void,
  signal?: AbortSignal,
): Promise<T> {
  const path = `\0prunegrid-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
  let waited = false;
  for (;;) {
    const release = await claim(path);
    if (release) {
      try {
        return await work();
      } finally {
        release();
      }
    }
    if (!waited) onWait();
    waited = true;
    await released(path, signal);
    signal?.throwIfAborted();
  }
}

/** Takes the lock and gives the function that lets go of it, or undefined while another process holds it. */
function claim(path: string): Promise<(() => void) | undefined> {
  return new Promise((resolve) => {
    const waiting = new Set<Socket>();
    const server: Server = createServer((socket) => {
      waiting.add(socket);
      socket.on('error', () => socket.destroy()).on('close', () => waiting.delete(socket));
    });
    server.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code === 'EADDRINUSE' ? undefined : () => undefined),
    );
    server.listen(path, () =>
      resolve(() => {
        server.close();
        for (const socket of waiting) socket.destroy();
      }),
    );
  });
}

/** Resolves when the holder lets go or dies: either ends the connection to it. */
function released(path: string, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ path, ...(signal && { signal }) });
    socket.on('error', () => socket.destroy()).on('close', () => resolve());
    socket.resume();
  });
}
