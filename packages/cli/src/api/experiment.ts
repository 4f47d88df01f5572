import { loadSpec, namesEngine } from '@prunegrid/coordinator/experiment/load';
import type { Spec } from '@prunegrid/coordinator/experiment/spec';

import { catalogue } from './catalogue.js';
import type { ApiContext } from './context.js';

/** An experiment that was read and validated. */
export interface Experiment {
  /** The file that it was read from. */
  readonly file: string;
  /** All its keys, with defaults filled in. */
  readonly spec: Spec;
  /** Whether the file or an override names the engine, so that it is no default. */
  readonly engineNamed: boolean;
}

export interface LoadOptions {
  /** Entries of the form `key=value`, such as `admm.rho=1e-3`, which replace values of the file. Later entries win. */
  set?: readonly string[];
}

export async function loadExperiment(
  file: string,
  { set = [] }: LoadOptions,
  { runtime }: ApiContext,
): Promise<Experiment> {
  const { spec, source } = await loadSpec(runtime, file, set, catalogue);
  return { file, spec, engineNamed: namesEngine(source) };
}
