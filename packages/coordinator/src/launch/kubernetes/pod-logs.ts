import { join } from 'node:path';

import type { Host } from '@prunegrid/core/runtime';

import { lastWordsIn, LOGS } from '../logs.js';
import type { KubernetesClient } from './client.js';

/** Milliseconds before a log is asked for again whose connection has broken. */
const AGAIN_MS = 5000;
/** Milliseconds for the last lines of a pod that has ended to arrive. */
const LAST_LINES_MS = 3000;

/** Keeps what pods print in files, while they run: Kubernetes forgets it with the pod. */
export class PodLogs {
  private readonly following = new Map<string, Promise<void>>();
  private readonly over = new AbortController();

  /** @param folder that of the launch */
  constructor(
    private readonly host: Pick<Host, 'clock' | 'files'>,
    private readonly client: KubernetesClient,
    private readonly folder: string,
  ) {}

  /** Follows the log of a pod that has started. It does nothing if it is followed already. */
  follow(pod: string): void {
    if (this.following.has(pod)) return;
    const { signal } = this.over;
    const followed = (async () => {
      // After a break the whole log is read again, in place of what there was of it.
      while (!signal.aborted && !(await this.copy(pod))) {
        await this.host.clock.sleep(AGAIN_MS, signal).catch(() => undefined);
      }
    })();
    this.following.set(pod, followed);
  }

  /** Returns the reason for its end that a pod has printed; undefined if there is none. */
  async reasonOf(pod: string): Promise<string | undefined> {
    this.follow(pod);
    await this.settled(pod);
    return lastWordsIn(this.host.files, this.fileOf(pod));
  }

  /** Waits a moment for what pods that have ended have printed last, and follows none any more. */
  async stop(): Promise<void> {
    await Promise.all([...this.following.keys()].map((pod) => this.settled(pod)));
    this.over.abort();
    await Promise.all(this.following.values());
  }

  private async settled(pod: string): Promise<void> {
    const waited = new AbortController();
    const late = this.host.clock.sleep(LAST_LINES_MS, waited.signal).catch(() => undefined);
    await Promise.race([this.following.get(pod), late]);
    waited.abort();
  }

  private fileOf(pod: string): string {
    return join(this.folder, LOGS, `kubernetes-${pod}.log`);
  }

  /** Copies a pod's log until the pod has ended. Returns whether there is nothing more to come; never rejects. */
  private async copy(pod: string): Promise<boolean> {
    try {
      const pieces = this.client.logOf(pod, this.over.signal);
      let next = await pieces.next();
      if (next.done) return true;
      const file = await this.host.files.open(this.fileOf(pod), 'replace');
      try {
        for (let position = 0; !next.done; next = await pieces.next()) {
          await file.write(next.value, position);
          position += next.value.length;
        }
      } finally {
        await file.close();
      }
      return true;
    } catch {
      return false;
    }
  }
}
