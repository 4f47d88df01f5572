import type { Socket } from 'node:net';

import type { Clock, Timer } from '@prunegrid/core/runtime';

/** The time in milliseconds that a connection may stay open without a call that was accepted. */
const ADMISSION_MS = 10_000;
/**
 * The largest number of connections without an accepted call. One more closes the oldest of them, so that whoever opens
 * connections and stays silent keeps nobody else out.
 */
const MOST_WAITING = 128;

/**
 * Limits the connections of a listener. Each connection is closed after a time unless a call on it has been accepted.
 */
export class ConnectionGate {
  /** The connections without an accepted call, the oldest first, by the caller's address. */
  private readonly waiting = new Map<string, { socket: Socket; timer: Timer }>();

  constructor(
    private readonly clock: Pick<Clock, 'after'>,
    private readonly mostWaiting = MOST_WAITING,
  ) {}

  /** Takes a new connection. */
  enter(socket: Socket): void {
    const address = addressOf(socket);
    socket.on('error', () => socket.destroy());
    if (address === undefined) return;
    const timer = this.clock.after(ADMISSION_MS, () => socket.destroy());
    this.waiting.set(address, { socket, timer });
    // Only this connection's own entry is removed: its address may have been taken by another one.
    socket.on('close', () => {
      if (this.waiting.get(address)?.socket === socket) this.admit(address);
    });
    if (this.waiting.size <= this.mostWaiting) return;
    const [[oldest, { socket: other }]] = this.waiting;
    this.admit(oldest);
    other.destroy();
  }

  /** Lets the connection from this address (HOST:PORT) stay open as long as its call lasts. */
  admit(address: string | undefined): void {
    if (address === undefined) return;
    this.waiting.get(address)?.timer.cancel();
    this.waiting.delete(address);
  }
}

/** Returns the address of the other end of a connection, or undefined if it is a Unix socket, whose folder is private. */
export const addressOf = ({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>) =>
  remoteAddress === undefined || remotePort === undefined ? undefined : `${remoteAddress}:${remotePort}`;
