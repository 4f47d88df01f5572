import { createHash } from 'node:crypto';
import { join } from 'node:path';

import { type Format, readStored, writeStored } from '@prunegrid/core/formats';
import type { Host } from '@prunegrid/core/runtime';
import { sha256Of } from '@prunegrid/core/vector-hash';
import type { ModelDescription } from '@prunegrid/trainer/models';
import { z } from 'zod';

import type { Trainer } from '../cluster/index.js';
import type { DenseNetwork } from '../training/context.js';
import type { ExtensionFile } from '../experiment/extension-files.js';
import { evaluationSchema, resultSchema } from '../training/records.js';
import { modelMetadata, readModel, writeModel } from '../training/model-file.js';
import type { ChainPoint } from './planner/chain.js';

const ofNetwork = {
  key: z.string(),
  /** Id of the run that computed the network. */
  runId: z.string(),
  /** SHA-256 of the parameters, in hex. The file that holds them has it as its name. */
  weightsHash: z.string(),
};
const networkSchema = z.discriminatedUnion('kind', [
  /** A dense network, whose `key` is a trial's `denseKey`. */
  z.strictObject({ kind: z.literal('dense'), ...ofNetwork, validation: evaluationSchema, test: evaluationSchema }),
  /** The network of a chain's point, whose `key` is that of its trial. */
  z.strictObject({ kind: z.literal('point'), ...ofNetwork, result: resultSchema }),
]);

/** Format of `network.json`, which is stored beside the weights. */
export const networkFormat: Format<typeof networkSchema> = {
  name: 'prunegrid.network',
  version: 2,
  earlier: [1],
  schema: networkSchema,
};

/**
 * Name of the folder in the user's cache folder. Each version of the format has its own folder, because several
 * versions of prunegrid may share the cache.
 */
const NETWORKS = `networks-v${networkFormat.version}`;

/** Folders of the networks that sweeps of this process are training. */
export type NetworkClaims = Set<string>;

export interface NetworkStoreOptions {
  runtime: Host;
  model: ModelDescription;
  /** One of the trainers that compute the networks. */
  trainer: Pick<Trainer, 'hello' | 'ready'>;
  /** The metrics that the networks are measured by, as a loaded spec has them. */
  metrics?: readonly string[] | undefined;
  /** The extensions with which the networks are computed. */
  extensions: readonly ExtensionFile[];
  claims: NetworkClaims;
  warn: (line: string) => void;
}

/**
 * Store, in the user's cache folder, of networks that were trained on this machine and from which sweeps can start. An
 * entry is found by its key, the engine, the processor with its instruction set, the data and the content of the extensions, so that it has the
 * same bits as a newly trained network. A dense network is also found by the metrics that it was measured by, which its
 * key leaves out. A damaged entry counts as absent.
 *
 * If the cache folder cannot be read or written, the store warns once and keeps new networks in memory, because the
 * trials of the sweep need them.
 */
export class NetworkStore {
  private readonly circumstances: string;
  /** Networks that could not be written to the cache folder. */
  private readonly inMemory = new Map<string, DenseNetwork | ChainPoint>();
  private readonly warned = new Set<string>();

  constructor(private readonly options: NetworkStoreOptions) {
    const { hello, ready } = options.trainer;
    const extensions = options.extensions.map(({ sha256 }) => sha256).sort();
    const computing = [ready.engine, ready.engineVersion, ready.device, hello.instructionSet];
    this.circumstances = [...computing, ready.datasetHash, ...extensions].join('\n');
  }

  get model(): ModelDescription {
    return this.options.model;
  }

  async findDense(key: string): Promise<DenseNetwork | undefined> {
    const network = await this.find(key, this.folderOfDense(key));
    return network && 'validation' in network ? network : undefined;
  }

  async findPoint(key: string): Promise<ChainPoint | undefined> {
    const network = await this.find(key, this.folder(key));
    return network && 'result' in network ? network : undefined;
  }

  /** Whether a sweep of this process is training the dense network; another sweep should then wait for it. */
  isClaimed(key: string): boolean {
    return this.options.claims.has(this.folderOfDense(key));
  }

  /** Claims the dense network for training. Returns a function that ends the claim. */
  claim(key: string): () => void {
    const folder = this.folderOfDense(key);
    this.options.claims.add(folder);
    return () => void this.options.claims.delete(folder);
  }

  /** Stores a network from which trials can start. */
  async keep(network: DenseNetwork | ChainPoint): Promise<void> {
    const { runtime, model } = this.options;
    const { weights, ...described } = network;
    const folder = 'result' in network ? this.folder(network.key) : this.folderOfDense(network.key);
    const weightsHash = sha256Of(weights);
    try {
      await runtime.files.makeFolder(folder);
      // The name depends on the content, so two sweeps that store the same network at once write equal files.
      await writeModel(runtime, join(folder, `${weightsHash}.safetensors`), model, weights, modelMetadata);
      const entry =
        'result' in described
          ? { kind: 'point' as const, ...described, weightsHash }
          : { kind: 'dense' as const, ...described, weightsHash };
      await writeStored(runtime, join(folder, 'network.json'), networkFormat, entry);
    } catch (error) {
      this.inMemory.set(network.key, { ...network, weights: weights.slice() });
      this.warnOnce('later sweeps train it again', error);
    }
  }

  private async find(key: string, folder: string): Promise<DenseNetwork | ChainPoint | undefined> {
    const { runtime, model } = this.options;
    const kept = this.inMemory.get(key);
    if (kept) return { ...kept, weights: kept.weights.slice() };
    const file = join(folder, 'network.json');
    try {
      if (!(await runtime.files.status(file))) return undefined;
      const { kind: _, weightsHash, ...described } = await readStored(runtime, file, networkFormat, 'remove it');
      const weights = await readModel(runtime, join(folder, `${weightsHash}.safetensors`), model);
      if (described.key === key && sha256Of(weights) === weightsHash) return { ...described, weights };
      throw new Error(`${folder}: holds other weights than it says; remove it`);
    } catch (error) {
      this.warnOnce('it is trained again', error);
      return undefined;
    }
  }

  private folderOfDense(key: string): string {
    return this.folder(key, this.options.metrics);
  }

  private folder(key: string, metrics: readonly string[] = []): string {
    const text = [key, this.circumstances, ...metrics].join('\n');
    const name = createHash('sha256').update(text).digest('hex').slice(0, 32);
    return join(this.options.runtime.files.cacheFolder(), NETWORKS, name);
  }

  /** Warns once for each consequence, however many networks it affects. */
  private warnOnce(consequence: string, error: unknown): void {
    if (this.warned.has(consequence)) return;
    this.warned.add(consequence);
    this.options.warn(`a network in the cache is not used, and ${consequence}: ${(error as Error).message}`);
  }
}
