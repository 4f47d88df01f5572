import type { Clock } from './clock.js';
import type { Files } from './files.js';
import type { Machine } from './machine.js';
import type { Memory } from './memory.js';
import type { Processes } from './processes.js';
import type { RandomSource } from './random.js';
import type { Transport } from './transport.js';

export type { Clock, Timer } from './clock.js';
export type { FileHandle, Files, FileStatus, OpenMode, OwnedFile } from './files.js';
export type { Machine } from './machine.js';
export type { Memory } from './memory.js';
export type { ChildProcess, Processes, ProcessEnd, StartOptions } from './processes.js';
export type { RandomSource } from './random.js';
export {
  CallRefused,
  type IncomingCall,
  type Listener,
  type ListenOptions,
  type MessageStream,
  type Metadata,
  type Service,
  type SharedMemory,
  StreamBroken,
  type TlsCredentials,
  type Transport,
} from './transport.js';

/** The machine without its network. */
export interface Host {
  readonly clock: Clock;
  readonly files: Files;
  readonly random: RandomSource;
  readonly processes: Processes;
  readonly machine: Machine;
  readonly memory: Memory;
}

/**
 * Everything outside the process. It is passed as an argument and never imported, so that the same code runs on a real
 * machine and in tests with a virtual clock, a disk in memory and a network that loses messages. A function takes only
 * the parts that it needs: `Pick<Runtime, 'clock' | 'files'>`.
 */
export interface Runtime extends Host {
  readonly transport: Transport;
}
