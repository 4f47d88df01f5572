import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { suggest } from '@prunegrid/core/text/suggestion';
import * as tf from '@tensorflow/tfjs';

import { fingerprintOf } from '../datasets/files/fingerprint.js';
import { isModelModule, parseReference, referenceOf } from '../models/reference.js';
import { ShapeBackend, withBackend } from '../models/trace/backend.js';
import { defaultExport, firstLine } from '../module-file.js';
import {
  type LoadedObjective,
  type Loss,
  type Metric,
  metricName,
  type Objective,
  type ObjectiveChoice,
} from './loss.js';
import { meanSquaredError } from './mean-squared-error.js';

/** The losses that a spec can name beside modules. A network without one is a classifier with cross-entropy. */
const losses: readonly Loss[] = [meanSquaredError];

/** Does what `loadObjective` says for a spec that chooses something. */
export async function loadChosen(
  { loss, metrics }: ObjectiveChoice,
  outputs: number,
  host: Pick<Host, 'files'>,
): Promise<LoadedObjective> {
  const chosen = loss === undefined ? undefined : await loadLoss(loss, host);
  const loaded: { reference: string; metric: Metric }[] = [];
  for (const each of metrics ?? []) loaded.push(await loadMetric(each, host));
  const objective = { loss: chosen?.loss, metrics: loaded.map(({ metric }) => metric) };
  tryOut(objective, outputs);
  return {
    choice: {
      ...(chosen && { loss: chosen.reference }),
      ...(metrics && { metrics: loaded.map(({ reference }) => reference) }),
    },
    objective,
  };
}

async function loadLoss(name: string, host: Pick<Host, 'files'>): Promise<{ reference: string; loss: Loss }> {
  const own = losses.find((loss) => loss.name === name);
  if (own) return { reference: name, loss: own };
  if (!isModelModule(name)) {
    const names = losses.map((loss) => loss.name);
    throw new Failure(
      'input',
      `loss: no loss "${name}"; ${suggest(name, names)}, or the path of a module, ./my-loss.mjs`,
    );
  }
  const { reference, path, exported } = await loadModule('loss', name, host);
  const { targets, compute } = (exported ?? {}) as Partial<Loss>;
  if ((targets === 'classes' || targets === 'values') && typeof compute === 'function') {
    return { reference, loss: { name: reference, targets, compute: compute.bind(exported) } };
  }
  throw new Failure(
    'input',
    `loss: ${path}: exports no loss by default: "export default { targets: 'values', compute(tf, outputs, targets) { ... } }", or 'classes'`,
  );
}

async function loadMetric(name: string, host: Pick<Host, 'files'>): Promise<{ reference: string; metric: Metric }> {
  if (!isModelModule(name))
    throw new Failure('input', `metrics: found "${name}"; give the path of a module, ./my-metric.mjs`);
  const { reference, path, exported } = await loadModule('metrics', name, host);
  const { compute } = (exported ?? {}) as Partial<Metric>;
  if (typeof compute === 'function') {
    return { reference, metric: { name: metricName(path), compute: compute.bind(exported) } };
  }
  throw new Failure(
    'input',
    `metrics: ${path}: exports no metric by default: "export default { compute(tf, outputs, targets) { ... } }"`,
  );
}

async function loadModule(key: string, name: string, { files }: Pick<Host, 'files'>) {
  const { path, sha256 } = parseReference(name);
  const found = (await fingerprintOf([{ role: 'module', path }], files)).sha256;
  if (sha256 !== undefined && sha256 !== found) {
    throw new Failure('input', `${key}: ${path}: has changed since the experiment was begun: put the same file there`);
  }
  return { reference: referenceOf(path, found), path, exported: await defaultExport(path, found) };
}

/** The number of examples in a trial. */
const TRIAL = 2;

function tryOut({ loss, metrics }: Objective, outputs: number): void {
  const backend = new ShapeBackend(() => undefined);
  const values = loss?.targets === 'values';
  for (const [key, each] of [
    ...(loss ? [['loss', loss] as const] : []),
    ...metrics.map((one) => ['metrics', one] as const),
  ]) {
    let shape: readonly number[] | undefined;
    try {
      shape = withBackend(backend, () =>
        tf.tidy(() => {
          const given = backend.tensor([TRIAL, outputs], 'float32') as tf.Tensor2D;
          const targets = values ? backend.tensor([TRIAL, outputs], 'float32') : backend.tensor([TRIAL], 'int32');
          return (each.compute(tf, given, targets) as tf.Tensor | undefined)?.shape;
        }),
      );
    } catch (cause) {
      throw new Failure(
        'input',
        `${key}: ${each.name}: fails for outputs of shape [${TRIAL}, ${outputs}]: ${firstLine(cause)}`,
        { cause },
      );
    }
    if (shape?.length === 1 && shape[0] === TRIAL) continue;
    const found = shape ? `[${shape.join(', ')}]` : 'nothing';
    throw new Failure(
      'input',
      `${key}: ${each.name}: returns ${found} for ${TRIAL} examples: return a value for each, [batch]`,
    );
  }
}
