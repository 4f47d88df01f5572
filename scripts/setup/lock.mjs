import { createHash } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { root } from './root.mjs';

/**
 * Runs `work` while no other process installs or builds in this checkout. As in packages/core/src/locks/socket-lock.ts, which is not
 * built yet, the lock is an abstract socket of Linux, which ends with its process; on other systems there is no lock.
 * @param {() => Promise<void>} work
 * @param {import('./progress.mjs').Progress} progress
 * @param {AbortSignal} signal ends the waiting
 * @returns {Promise<void>}
 */
export async function alone(work, progress, signal) {
  if (process.platform !== 'linux') return work();
  const path = `\0prunegrid-${createHash('sha256').update(root).digest('hex').slice(0, 32)}`;
  /** @type {Set<import('node:net').Socket>} */
  const waiting = new Set();
  const server = createServer((socket) => waiting.add(socket.on('error', () => socket.destroy())));
  const held = await new Promise((resolve) => {
    server.once('error', (/** @type {NodeJS.ErrnoException} */ error) => resolve(error.code !== 'EADDRINUSE'));
    server.listen(path, () => resolve(true));
  });
  if (held) {
    return work().finally(() => {
      server.close();
      for (const socket of waiting) socket.destroy();
    });
  }
  progress.start('set-up', 'another set-up is at work in this checkout; waiting for it');
  await new Promise((resolve) => connect({ path, signal }).on('error', resolve).on('close', resolve).resume());
  signal.throwIfAborted();
  return alone(work, progress, signal);
}
