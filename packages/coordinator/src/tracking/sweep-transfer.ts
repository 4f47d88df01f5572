import { join } from 'node:path';
import { Failure } from '@prunegrid/core/failure';
import { journalFile } from '../journal/reading.js';
import type { RunEvent } from '../training/records.js';
import { readCursor } from './cursor.js';
import { MlflowRejection } from './failures.js';
import { runMapping, type RunState } from './mapping.js';
import { holdSendingLock } from './sending-lock.js';
import { sweepMapping } from './sweep-mapping.js';
import { SweepParts, type SweepPart } from './sweep-parts.js';
import { Transfer, type TransferOptions } from './transfer.js';

export interface SweepTransferOptions extends TransferOptions {
  /**
   * The names of files in the sweep's folder, such as those of a report, that are sent whenever they exist and have
   * changed.
   */
  sweepFiles: readonly string[];
}

/** A run that has not ended. Its transfer keeps the position in the journal. */
interface OpenPart {
  transfer: Transfer<RunEvent, RunState>;
  lock: { release(): Promise<void> };
}

export interface SweepPass {
  /** The number of journal records that were sent. */
  records: number;
  /** The number of runs to which they belong, including the sweep's own run. */
  runs: number;
  /** Whether some runs have not ended. Their journals grow even if the sweep's journal does not. */
  live: boolean;
}

/**
 * Sends a sweep to MLflow: first its own journal, because the other runs are nested in its run, and then the journals
 * of all runs in its folder. Its memory grows with the number of runs that have not ended, not with the number of ended
 * runs. The caller holds the sending lock of the sweep's folder; this class takes the locks of the run folders.
 */
export class SweepTransfer {
  private readonly options: SweepTransferOptions;
  private parent: Awaited<ReturnType<typeof openSweep>> = null;
  private parts: SweepParts;
  private readonly open = new Map<string, OpenPart>();
  private filesDue = true;

  constructor(options: SweepTransferOptions) {
    const said = new Set<string>();
    // A server that refuses something for one run refuses it for every run, so each warning is issued once.
    const warn = (line: string) => {
      if (!said.has(line)) options.warn(line);
      said.add(line);
    };
    this.options = { ...options, warn };
    this.parts = new SweepParts(options.runtime, options.folder);
  }

  /** The transfer of the sweep's own run, or null before it exists. */
  get sweep(): Pick<Transfer<never, never>, 'page' | 'ended' | 'endSent'> | null {
    return this.parent;
  }

  /**
   * Sends everything that the folder holds and the server may lack. Resolves to null while the sweep's journal is
   * empty. With `files`, the sweep's files are sent even if its journal has not grown. If a run cannot be sent, the
   * others are still sent, and the first such failure is thrown at the end. Rejects immediately if the server is
   * unreachable or refuses the login.
   */
  async sendAll({ files }: { files: boolean }): Promise<SweepPass | null> {
    this.parent ??= await openSweep(this.options);
    if (this.parent === null) return null;
    const pass = { records: 0, runs: 0 };
    const tally = (records: number) => {
      pass.records += records;
      if (records > 0) pass.runs += 1;
    };
    const records = await this.parent.sendAll();
    tally(records);
    if (records > 0 || files) this.filesDue = true;
    if (this.filesDue) await this.parent.sendFiles(this.options.sweepFiles);
    this.filesDue = false;
    const failures: Failure[] = [];
    for (const part of await this.parts.pending()) {
      try {
        tally(await this.sendPart(part, this.parent.id));
      } catch (error) {
        if (!concernsOneRun(error)) throw error;
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    const live = (await this.parts.pending()).some(({ overSince }) => overSince === null);
    return { ...pass, live };
  }

  /** Forgets the state of the server. The cursors state what need not be sent again. */
  async forget(): Promise<void> {
    this.parent = null;
    this.parts = new SweepParts(this.options.runtime, this.options.folder);
    const open = [...this.open.values()];
    this.open.clear();
    await Promise.all(open.map(({ lock }) => lock.release().catch(() => undefined)));
  }

  private async sendPart(part: SweepPart, parent: string): Promise<number> {
    const open = this.open.get(part.folder) ?? (await this.openPart(part, parent));
    if (open === null) {
      if (part.overSince !== null) this.parts.done(part);
      return 0;
    }
    const { transfer, lock } = open;
    const records = await transfer.sendAll();
    if (!transfer.ended && part.overSince !== null) {
      await transfer.abandon({ status: 'KILLED', endTime: part.overSince, artifacts: ['manifest.json'] });
    }
    if (transfer.ended && part.overSince !== null) {
      this.parts.done(part);
      this.open.delete(part.folder);
      await lock.release();
    }
    return records;
  }

  /** Returns null if there is nothing to send yet, or if everything was sent. */
  private async openPart(part: SweepPart, parent: string): Promise<OpenPart | null> {
    const folder = join(this.options.folder, part.folder);
    const { client, experiment, runtime } = this.options;
    const { cursor } = await readCursor(runtime, folder);
    const here = cursor?.url === client.url && cursor.experiment === experiment && cursor.parent === parent;
    const sent = here && cursor.ended && !part.resumed;
    if (sent) this.parts.done(part);
    // The sweep's journal mentions a run before the run has a journal of its own.
    if (sent || (await runtime.files.status(journalFile(folder))) === undefined) return null;
    const lock = await holdSendingLock(runtime, folder);
    try {
      const transfer = await Transfer.open({ ...this.options, folder, parent }, runMapping);
      if (transfer !== null) {
        this.open.set(part.folder, { transfer, lock });
        return { transfer, lock };
      }
    } catch (error) {
      await lock.release();
      throw error;
    }
    await lock.release();
    return null;
  }
}

const openSweep = (options: TransferOptions) => Transfer.open(options, sweepMapping);

/**
 * Returns whether other runs can still be sent, which is not the case if the server is unreachable or refuses the
 * login.
 */
const concernsOneRun = (error: unknown): error is Failure =>
  error instanceof MlflowRejection || (error instanceof Failure && error.kind === 'input');
