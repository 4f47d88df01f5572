import { countLayers, totalOf } from '@prunegrid/coordinator/training/layers';
import type { RunResult } from '@prunegrid/coordinator/training/records';
import { Failure } from '@prunegrid/core/failure';
import { exportFormats, type Precision, writeExport, type WrittenFile } from '@prunegrid/trainer/export';
import { modelTitle } from '@prunegrid/trainer/models';
import { resolve } from 'node:path';

import { type ApiContext, ignore, type Notices } from './context.js';
import { readStoredNetwork, type StoredNetworkOptions } from './stored-network.js';

export interface ExportOptions extends Notices, StoredNetworkOptions {
  /** `onnx`, `tfjs`, `safetensors` or `compact`. */
  format: string;
  /** The file to be written; for `tfjs`, the folder. */
  out: string;
  /** How `compact` stores values: `fp32`, `fp16` (the default) or `int8`. */
  values?: Precision;
}

/** What an export has written. */
export interface ExportedNetwork {
  format: string;
  model: string;
  /** The files with their sizes. */
  files: WrittenFile[];
  total: RunResult['total'];
}

export async function exportNetwork(
  place: string,
  options: ExportOptions,
  context: ApiContext,
): Promise<ExportedNetwork> {
  const { runtime } = context;
  const format = exportFormats.get(options.format);
  const { values } = options;
  if (values !== undefined && !format.precisions?.includes(values)) {
    const choices = format.precisions?.join(', ');
    throw new Failure('input', `--values ${values}: ${format.name} has ${choices ?? 'no such choice: leave it out'}`);
  }
  const { name, reference, model, parameters } = await readStoredNetwork(place, options, context);
  const { onInstall = ignore } = options;
  const request = { model, reference, parameters, out: resolve(options.out), onInstall };
  const files = await format.files({ ...request, ...(values && { values }) }, runtime);
  return {
    format: format.name,
    model: modelTitle(name),
    files: await writeExport(runtime, files),
    total: totalOf(countLayers(model, parameters)),
  };
}
