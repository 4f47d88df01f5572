import { createHash } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * Runs `work` in one process of this machine at a time. Other processes call `onWait` once and wait for their turn.
 *
 * The lock is a listening socket in Linux's abstract namespace. The kernel closes it when its process ends for any
 * reason, so no stale lock can remain. Waiting processes are connected to the socket and notice its end at once. If
 * such a socket cannot be opened, `work` runs without the lock. The lock only avoids doing the work twice; correctness
 * must not depend on it.
 *
 * @throws the signal's reason if the signal fires during the wait
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

/** Takes the lock and returns the function that releases it, or undefined if another process holds it. */
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

/** Resolves when the holder releases the lock or dies, because both close the connection to it. */
function released(path: string, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ path, ...(signal && { signal }) });
    socket.on('error', () => socket.destroy()).on('close', () => resolve());
    socket.resume();
  });
}
