/**
 * Memory that the sender of a stream writes and its receiver reads, if both processes are on one machine. Offsets and
 * lengths are in bytes.
 */
export interface SharedMemory {
  /** Writes `bytes` at `offset`. Returns false if the machine has too little memory for them. */
  write(offset: number, bytes: Uint8Array): boolean;
  /** Fills `into` with the bytes from `offset` on. Throws if nothing has been written there. */
  read(offset: number, into: Uint8Array): void;
}

/**
 * A stream of messages in both directions. Each message is delivered completely and in order; after the stream has
 * broken, none is delivered.
 */
export interface MessageStream {
  /** The memory that both ends share, or undefined if they share none. */
  readonly sharedMemory?: SharedMemory | undefined;
  /**
   * Sends `head` and `data` as one message. Resolves when both arrays may be changed and the stream accepts more data.
   * It never rejects; if the stream has ended, the next `receive` gives the reason.
   */
  send(head: Uint8Array, data?: Uint8Array): Promise<void>;
  /**
   * Resolves to the next message, which is valid until the next call, or to undefined if the other end has closed the
   * stream. Rejects with StreamBroken.
   */
  receive(): Promise<Buffer | undefined>;
  /**
   * Ends the stream at both ends. Messages sent before still arrive. With a `reason`, the other end's `receive` rejects
   * with it if the network can transmit it, and with another StreamBroken otherwise. A pending `receive` at this end
   * resolves to undefined.
   */
  close(reason?: string): void;
  /** Resolves when the stream has ended for any reason. It never rejects. */
  readonly closed: Promise<void>;
}

/**
 * The stream ended unexpectedly: the other end is gone, does not answer, or is not prunegrid. The message is part of a
 * line for the user.
 */
export class StreamBroken extends Error {
  override readonly name = 'StreamBroken';
}

/** The other end answers and has refused the call. The message is its reason. */
export class CallRefused extends StreamBroken {}

/** Credentials for TLS, in PEM. */
export interface TlsCredentials {
  /** The certificates of the authorities that the other end's certificate must come from. */
  authority: string;
  /** This end's certificate and key. A listener must have them, and a caller where the listener requires them. */
  own?: { certificate: string; key: string };
}

export interface ListenOptions {
  /** Encrypts the calls of the service `coordination`. */
  tls?: TlsCredentials | undefined;
  /** Whether callers without a certificate of the authority are turned away before anything of theirs is read. */
  requireCertificates?: boolean;
}

/** What listens: a coordinator for its trainers, or a trainer for its peers. */
export type Service = 'coordination' | 'peers';

/** Names and values that come with a call, before its messages. Names are in lower case. */
export type Metadata = Readonly<Record<string, string>>;

/** A call that has come in. It is to be accepted or refused, once. */
export interface IncomingCall {
  /** The caller's address, which is only shown in messages. */
  readonly remote: string;
  readonly metadata: Metadata;
  accept(): MessageStream;
  refuse(reason: string): void;
}

export interface Listener {
  /** `HOST:PORT` or `unix:PATH`, with the port that was taken. */
  readonly address: string;
  /**
   * Takes no more calls. The streams of `peers` stay open, since each trainer closes its own; those of `coordination`
   * end.
   */
  close(): Promise<void>;
}

/**
 * The network. It makes and accepts every connection, of the coordinator and of the trainers among themselves, so that
 * credentials, limits and liveness have one place.
 */
export interface Transport {
  /**
   * @param address `HOST:PORT`, port 0 for a free one, or `unix:PATH`; of the service `peers` also `unix:`, for a new
   *   path that only this user can reach and that is removed when the listener closes, and `tls:HOST:PORT`, which
   *   encrypts by a certificate of its own: the listener's address states its hash, which `connect` requires. Rejects with Node's error if it
   *   cannot be listened on.
   */
  listen(
    service: Service,
    address: string,
    onCall: (call: IncomingCall) => void,
    options?: ListenOptions,
  ): Promise<Listener>;
  /** Rejects with StreamBroken if nobody accepts the call within `timeoutMs`, and with CallRefused if it is refused. */
  connect(
    service: Service,
    address: string,
    timeoutMs: number,
    metadata?: Metadata,
    tls?: TlsCredentials,
  ): Promise<MessageStream>;
  /** The address at which others reach this machine who come from `address`; undefined if that is on this machine. */
  routableAddress(address: string): Promise<string | undefined>;
}
