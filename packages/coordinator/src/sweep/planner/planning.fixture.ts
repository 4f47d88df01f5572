import { Failure } from '@prunegrid/core/failure';
import { nodeHost } from '@prunegrid/core/node';
import { models } from '@prunegrid/trainer/models';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { SweepOverrides } from '../records.js';
import { catalogue } from '../../experiment/experiment.fixture.js';
import { planSweep, type SweepPlan } from './plan.js';

/** The experiment `base.yaml`. */
export const base = `name: tiny
model: lenet5
dataset: { name: mnist }
seed: 5
keep:
  conv1: 100
dense:
  epochs: 6
  learningRate: { schedule: constant, value: 1e-3 }
admm:
  iterations: 16
  rho: 1e-3
  learningRate: { schedule: constant, value: 1e-3 }
retrain:
  epochs: 24
  learningRate: { schedule: constant, value: 1e-3 }
`;

/** A folder with the experiment `base.yaml`, in which sweeps are planned. */
export class PlanningFolder {
  private constructor(readonly path: string) {}

  static async make(): Promise<PlanningFolder> {
    const path = await mkdtemp(join(tmpdir(), 'prunegrid-sweep-'));
    await writeFile(join(path, 'base.yaml'), base);
    return new PlanningFolder(path);
  }

  /** Plans a sweep with this content below its name and its base. */
  plan(body: string, overrides: SweepOverrides = {}): Promise<SweepPlan> {
    return this.planFile(`name: s\nbase: base.yaml\n${body}`, overrides);
  }

  async planFile(text: string, overrides: SweepOverrides = {}): Promise<SweepPlan> {
    const file = join(this.path, 'sweep.yaml');
    await writeFile(file, text);
    return planSweep(nodeHost, file, { ...catalogue, models: [...models] }, overrides);
  }

  /** Returns the message with which a sweep is refused, without the folder's name. Throws if it is accepted. */
  async complaint(body: string, overrides: SweepOverrides = {}): Promise<string> {
    const error = await this.plan(body, overrides).catch((thrown: unknown) => thrown);
    if (!(error instanceof Failure) || error.kind !== 'input') throw new Error('not refused', { cause: error });
    return error.message.replaceAll(`${this.path}/`, '');
  }

  remove(): Promise<void> {
    return rm(this.path, { recursive: true, force: true });
  }
}
