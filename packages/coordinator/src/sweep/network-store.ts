import { nodeHost } from '@prunegrid/core/node';
import type { ModelDescription } from '@prunegrid/trainer/models';
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Trainer } from '../cluster/index.js';
import type { DenseNetwork } from '../training/context.js';
import { writeJson } from '@prunegrid/core/files';
import { modelMetadata, readModel, writeModel } from '../training/run-folder.js';
import type { ChainPoint } from './planner/chain.js';

/** A network that other work starts from, with what is known of it: a dense one under its `denseKey`, a point of a chain under its trial's `key`. */
type StoredNetwork = DenseNetwork | ChainPoint;

/** What lies beside the weights. */
interface Entry {
  key: string;
  /** SHA-256 of the parameters, in hex. */
  weightsHash: string;
}

/** Folders of the networks that sweeps of this process are training. */
const claimed = new Set<string>();

/**
 * Networks that were trained on this machine, in the user's cache folder, for every sweep to start from. An entry is found by its
 * key together with the engine, the processor and the data it was computed with, so that what is taken has the bits that training would
 * give; one that is damaged counts as absent.
 */
export class NetworkStore {
  private readonly circumstances: string;

  constructor(
    readonly model: ModelDescription,
    { ready }: Pick<Trainer, 'ready'>,
  ) {
    this.circumstances = [ready.engine, ready.engineVersion, ready.device, ready.datasetHash].join('\n');
  }

  async find<Network extends StoredNetwork>(key: string): Promise<Network | undefined> {
    const folder = this.folder(key);
    try {
      const { weightsHash, ...entry } = JSON.parse(await readFile(join(folder, 'network.json'), 'utf8')) as Entry;
      const file = join(folder, `${weightsHash}.safetensors`);
      const weights = await readModel(nodeHost, file, this.model);
      return entry.key === key && hashOf(weights) === weightsHash ? ({ ...entry, weights } as Network) : undefined;
    } catch {
      return undefined;
    }
  }

  /** Whether a sweep of this process is training the network, so that another one does better to wait. */
  isClaimed(key: string): boolean {
    return claimed.has(this.folder(key));
  }

  /** Says that the network is about to be trained. Returns what takes that back. */
  claim(key: string): () => void {
    const folder = this.folder(key);
    claimed.add(folder);
    return () => void claimed.delete(folder);
  }

  /** Throws Failure where the cache folder cannot be written. */
  async keep({ weights, ...entry }: StoredNetwork): Promise<void> {
    const folder = this.folder(entry.key);
    const weightsHash = hashOf(weights);
    await mkdir(folder, { recursive: true });
    // Named by its content: another sweep that keeps the same network at the same moment writes the same file.
    await writeModel(nodeHost, join(folder, `${weightsHash}.safetensors`), this.model, weights, modelMetadata);
    await writeJson(nodeHost, join(folder, 'network.json'), { ...entry, weightsHash } satisfies Entry);
  }

  private folder(key: string): string {
    const name = createHash('sha256').update(`${key}\n${this.circumstances}`).digest('hex').slice(0, 32);
    return join(nodeHost.files.cacheFolder(), 'networks', name);
  }
}

const hashOf = ({ buffer, byteOffset, byteLength }: Float32Array): string =>
  createHash('sha256')
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest('hex');
