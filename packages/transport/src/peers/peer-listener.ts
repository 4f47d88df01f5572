import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, constants, createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { MessageStream } from './messages.js';
import { SharedMemoryFile } from './shared-memory-file.js';

const PATH = '/prunegrid.v1.Peers/Exchange';
const TOKEN = 'prunegrid-token';
const MEMBER = 'prunegrid-rank';
/** What the caller calls the memory that it would share; the answer is whether it is seen. */
const SHARED_MEMORY = 'prunegrid-shared-memory';
const SEEN = 'seen';
/** gRPC's status UNAUTHENTICATED. */
const UNAUTHENTICATED = '16';
/** How long a caller waits to be let in, and to be awaited where it came first, in milliseconds. */
const RENDEZVOUS_TIMEOUT_MS = 10_000;
/** Callers that nobody awaits yet; more are turned away. */
const MAX_PENDING_CALLS = 64;
/** Bytes under way in each direction. */
const FLOW_CONTROL_BYTES = 1 << 20;

const { HTTP2_HEADER_METHOD, HTTP2_HEADER_PATH, HTTP2_HEADER_STATUS, HTTP2_HEADER_CONTENT_TYPE, HTTP2_HEADER_TE } =
  constants;
const GRPC = { [HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc' };

interface Caller {
  stream: ServerHttp2Stream;
  headers: IncomingHttpHeaders;
}

/** Where other trainers reach this one. Only those are let in that know the token of a meeting. */
export class PeerListener {
  private readonly server = createServer({ settings: { initialWindowSize: FLOW_CONTROL_BYTES } });
  private readonly pending = new Set<Caller>();
  private readonly rendezvous = new Map<string, (member: number, stream: MessageStream) => void>();
  private folder: string | undefined;

  private constructor() {
    this.server.on('session', (session) => {
      session.setLocalWindowSize(FLOW_CONTROL_BYTES);
      session.on('error', () => session.destroy());
    });
    this.server.on('stream', (stream, headers) => {
      // Whoever waits for the stream's messages learns of its errors; a caller that gives up is none.
      stream.on('error', () => undefined);
      this.acceptCall({ stream, headers });
    });
  }

  /** @param host the address at which others reach this machine; without one, the listener is a socket in a folder of this user's own */
  static async open(host?: string): Promise<PeerListener> {
    const listener = new PeerListener();
    if (host !== undefined) {
      listener.server.listen(0, host);
    } else {
      listener.folder = await mkdtemp(join(tmpdir(), 'prunegrid-listener-'));
      listener.server.listen(join(listener.folder, 'socket'));
    }
    await once(listener.server, 'listening');
    return listener;
  }

  /** `unix:PATH` or `HOST:PORT`. */
  get address(): string {
    const address = this.server.address() as AddressInfo | string;
    if (typeof address === 'string') return `unix:${address}`;
    return `${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
  }

  /** The streams of `members`, once all have come who know the token. Rejects where one stays away. */
  async acceptPeers(token: string, members: readonly number[]): Promise<Map<number, MessageStream>> {
    const streams = new Map<number, MessageStream>();
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        if (members.length === 0) resolve();
        timer = setTimeout(() => reject(new Error('another trainer did not come')), RENDEZVOUS_TIMEOUT_MS);
        this.rendezvous.set(token, (member, stream) => {
          if (members.includes(member) && !streams.has(member)) streams.set(member, stream);
          else stream.close();
          if (streams.size === members.length) resolve();
        });
        for (const caller of [...this.pending]) this.acceptCall(caller);
      });
      return streams;
    } catch (error) {
      for (const stream of streams.values()) stream.close();
      throw error;
    } finally {
      clearTimeout(timer);
      this.rendezvous.delete(token);
    }
  }

  async close(): Promise<void> {
    for (const { stream } of this.pending) stream.destroy();
    this.server.close();
    if (this.folder) await rm(this.folder, { recursive: true, force: true });
  }

  private acceptCall(caller: Caller): void {
    const { stream, headers } = caller;
    const known = this.pending.delete(caller);
    const given = textOf(headers[TOKEN]);
    const welcome = [...this.rendezvous].find(([token]) => sameText(token, given))?.[1];
    if (headers[HTTP2_HEADER_PATH] === PATH && welcome) {
      const window = SharedMemoryFile.open(textOf(headers[SHARED_MEMORY]), given);
      stream.respond({ [HTTP2_HEADER_STATUS]: 200, ...GRPC, ...(window && { [SHARED_MEMORY]: SEEN }) });
      welcome(Number(textOf(headers[MEMBER])), new MessageStream(stream, window));
    } else if (headers[HTTP2_HEADER_PATH] === PATH && this.pending.size < MAX_PENDING_CALLS) {
      this.pending.add(caller);
      if (known) return;
      const timer = setTimeout(() => {
        if (this.pending.delete(caller)) refuseCall(stream);
      }, RENDEZVOUS_TIMEOUT_MS);
      stream.on('close', () => {
        clearTimeout(timer);
        this.pending.delete(caller);
      });
    } else {
      refuseCall(stream);
    }
  }
}

/** Calls at another trainer's listener as `member`. Rejects where nobody is there or this trainer is not let in. */
export async function dialPeer(address: string, token: string, member: number): Promise<MessageStream> {
  const path = /^unix:(.*)/.exec(address)?.[1];
  const session = connect(path === undefined ? `http://${address}` : 'http://localhost', {
    settings: { initialWindowSize: FLOW_CONTROL_BYTES },
    ...(path !== undefined && { createConnection: () => connectSocket(path) }),
  });
  const failed = new Promise<never>((_, reject) => {
    session.on('error', reject);
    session.setTimeout(RENDEZVOUS_TIMEOUT_MS, () => reject(new Error('no answer')));
  });
  // Later errors are told to whoever waits for a message.
  failed.catch(() => undefined);
  const window = SharedMemoryFile.create(token);
  try {
    await Promise.race([once(session, 'connect'), failed]);
    session.setLocalWindowSize(FLOW_CONTROL_BYTES);
    const stream = session.request(
      {
        ...{ [HTTP2_HEADER_METHOD]: 'POST', [HTTP2_HEADER_PATH]: PATH, [HTTP2_HEADER_TE]: 'trailers' },
        ...{ ...GRPC, [TOKEN]: token, [MEMBER]: String(member), ...(window && { [SHARED_MEMORY]: window.address }) },
      },
      { endStream: false },
    );
    stream.on('close', () => session.destroy());
    const answer = new Promise<IncomingHttpHeaders>((resolve, reject) => {
      stream.on('response', resolve);
      stream.on('error', reject);
      stream.on('close', () => reject(new Error('it hung up')));
    });
    const headers = await Promise.race([answer, failed]);
    if (headers['grpc-status'] !== undefined) throw new Error('it does not let this trainer in');
    session.setTimeout(0);
    if (headers[SHARED_MEMORY] === SEEN) return new MessageStream(stream, window);
    window?.close();
    return new MessageStream(stream);
  } catch (error) {
    session.destroy();
    window?.close();
    throw error;
  }
}

function refuseCall(stream: ServerHttp2Stream): void {
  if (!stream.destroyed) {
    stream.respond({ [HTTP2_HEADER_STATUS]: 200, ...GRPC, 'grpc-status': UNAUTHENTICATED }, { endStream: true });
  }
}

const textOf = (header: string | string[] | undefined): string => (typeof header === 'string' ? header : '');

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
