/** Memory that the sender of a stream writes and its receiver reads: both processes are on one machine. Offsets and lengths are in bytes. */
export interface SharedMemory {
  /** Returns false if the machine's memory has no room for it. */
  write(offset: number, bytes: Uint8Array): boolean;
  /** Fills `into`. Throws if nothing has been written there. */
  read(offset: number, into: Uint8Array): void;
}

/** Messages in both directions, each of them delivered whole and in order, or not at all once the stream has broken. */
export interface MessageStream {
  /** The memory that both ends share, if they do. */
  readonly sharedMemory?: SharedMemory | undefined;
  /**
   * Sends `head` and `data` as one message. Resolves when both may be changed and the stream takes more. Never rejects on a stream that is over: the next `receive` says why.
   */
  send(head: Uint8Array, data?: Uint8Array): Promise<void>;
  /** The next message, valid until the next call; undefined once the other end has closed the stream. Rejects with StreamBroken. */
  receive(): Promise<Buffer | undefined>;
  /**
   * Ends the stream at both ends; what has been sent still arrives. With a `reason`, the other end's `receive` rejects with it if the
   * network can carry it, and with another StreamBroken if not. A `receive` that waits here resolves to undefined.
   */
  close(reason?: string): void;
  /** Resolves once the stream is over, whoever ended it and for whatever reason. Never rejects. */
  readonly closed: Promise<void>;
}

/** The stream is over and should not be: the other end is gone, does not answer, or is no prunegrid. The message is part of a line for the user. */
export class StreamBroken extends Error {
  override readonly name = 'StreamBroken';
}

/** What listens: a coordinator for its trainers, or a trainer for its peers. */
export type Service = 'coordination' | 'peers';

/** Names and values that come with a call, before its messages. Names are in lower case. */
export type Metadata = Readonly<Record<string, string>>;

/** A call that has come in. It is to be accepted or refused, once. */
export interface IncomingCall {
  /** Where it comes from, for messages. */
  readonly remote: string;
  readonly metadata: Metadata;
  accept(): MessageStream;
  refuse(reason: string): void;
}

export interface Listener {
  /** `HOST:PORT` or `unix:PATH`, with the port that was taken. */
  readonly address: string;
  /** Takes no more calls. The streams of `peers` stay open, since each trainer closes its own; those of `coordination` end. */
  close(): Promise<void>;
}

/**
 * The network. It makes and accepts every connection, of the coordinator and of the trainers among themselves, so that credentials, limits
 * and liveness have one place.
 */
export interface Transport {
  /**
   * @param address `HOST:PORT`, port 0 for a free one, or `unix:PATH`; of the service `peers` also `unix:`, for a new path that only this user can
   *   reach and that is removed when the listener closes. Rejects with Node's error if it cannot be listened on.
   */
  listen(service: Service, address: string, onCall: (call: IncomingCall) => void): Promise<Listener>;
  /** Rejects with StreamBroken if nobody accepts the call within `timeoutMs`. */
  connect(service: Service, address: string, timeoutMs: number, metadata?: Metadata): Promise<MessageStream>;
  /** The address at which others reach this machine who come from `address`; undefined if that is on this machine. */
  routableAddress(address: string): Promise<string | undefined>;
}
