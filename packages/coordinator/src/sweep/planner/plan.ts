import { sizeOf } from '@prunegrid/numerics/shape';
import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import type { ModelDescription } from '@prunegrid/trainer/models';
import { dirname, isAbsolute, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { type BudgetLayer, budgets, keptInAll } from '@prunegrid/numerics/budgets';
import type { Catalogue } from '../../experiment/check.js';
import { constraintsOf } from '../../experiment/constraints.js';
import { KnownFiles, outlineOf, recallMeasured, withFiles } from '../../experiment/files.js';
import { denseKey, matters, resultKey } from '../../experiment/keys.js';
import { readExperiment, resolveSpec } from '../../experiment/load.js';
import { applyOverride, pathOf, setKey } from '../../experiment/override.js';
import { Places } from '../../experiment/places.js';
import { failureOf, problemsOf, requirement } from '../../experiment/problems.js';
import { readSource } from '../../experiment/source.js';
import type { Spec } from '../../experiment/spec.js';
import { keptIn } from '../../training/layers.js';
import { type Plain, type PlainMap, readYaml } from '../../experiment/yaml.js';
import { type Cell, cellsOf, chainLength, covers, type Setting } from './cells.js';
import { type SweepDescription, sweepSchema } from './description.js';
import type { SweepPlan, Trial } from './plan-format.js';

export type { SweepPlan, Trial } from './plan-format.js';
import type { SweepOverrides } from '../records.js';

/**
 * Reads a sweep and its base experiment and plans all trials.
 * @throws Failure `input`, with one line for each problem in the sweep's file or, if that has none, in the first trial
 * with problems. Each line names its place: the sweep's file, the base's file or the command line.
 */
export async function planSweep(
  runtime: Pick<Host, 'clock' | 'files' | 'machine'>,
  file: string,
  catalogue: Catalogue & { models: readonly ModelDescription[] },
  { set = [], seeds }: SweepOverrides = {},
): Promise<SweepPlan> {
  const places = new Places();
  const described = readSweep(await readSource(runtime, file), file, places);
  const sweep = { ...described, grid: { ...described.grid }, seeds: seeds ?? described.seeds };
  const base = isAbsolute(sweep.base) ? sweep.base : join(dirname(file), sweep.base);
  const basePlaces = new Places();
  const root = readExperiment(await readSource(runtime, base), base, basePlaces);
  for (const [key, value] of Object.entries(sweep.set)) {
    put(root, { key, value, place: places.ofValue(['set', key]) }, basePlaces);
  }
  if (sweep.launch) put(root, { key: 'launch', value: sweep.launch, place: places.ofValue(['launch']) }, basePlaces);
  const others = set.filter((override) => !chooses(override, sweep, places));
  const cells = cellsOf(sweep, places);
  requireOneLaunch(cells);
  for (const override of others) {
    const varies = cells.flat().find(({ key }) => overlaps(key, override));
    if (varies) {
      throw new Failure(
        'input',
        `--set ${override}: ${varies.key} varies in the sweep, at ${varies.place}: edit it there`,
      );
    }
    applyOverride(root, override, basePlaces);
  }

  const files = new KnownFiles();
  const resolve = async (settings: readonly Setting[]): Promise<Spec> => {
    const variant = structuredClone(root);
    const variantPlaces = basePlaces.copy();
    for (const setting of settings) put(variant, setting, variantPlaces);
    const spec = resolveSpec(variant, catalogue, variantPlaces, dirname(base));
    return withFiles(spec, catalogue, runtime, variantPlaces, files);
  };

  const trials = new Map<string, Trial>();
  let launch: Spec['launch'];
  const chained = chainLength(sweep);
  let before: Trial[] = [];
  let distinct = 0;
  let duplicates = 0;
  for (const [index, cell] of [...cells, ...baselinesOf(sweep, cells, places)].entries()) {
    const { seed, launch: asked } = await resolve(cell);
    launch = asked;
    const known = trials.size;
    // A cell has one trial per seed, in the same order as the previous point of its chain.
    const ofCell: Trial[] = [];
    for (let i = 0; i < sweep.seeds; i++) {
      const ofTrial = [...cell, { key: 'seed', value: seed + i, place: places.ofValue(['seeds']) }];
      const { launch: _, ...spec } = await resolve(ofTrial);
      const from = index % chained > 0 ? before[i] : undefined;
      const key = resultKey(spec, from?.key);
      const same = trials.get(key);
      // Equal baselines of several cells are intended, so they do not count as duplicates.
      if (same && index < cells.length) duplicates++;
      const model = outlineOf(spec.model, catalogue);
      const trial = same ?? {
        number: trials.size + 1,
        cell: distinct + 1,
        settings: settingsOf(cell, spec.method),
        spec: { ...spec, name: sweep.name },
        key,
        denseKey: denseKey(spec),
        ...(from && { start: from.key }),
        kept: await keptBy(spec, model, runtime, files),
        weights: model.layers.reduce((sum, { weights }) => sum + weights, 0),
      };
      if (from) requireFewer(trial, from, cell);
      trials.set(key, trial);
      ofCell.push(trial);
    }
    if (trials.size > known) distinct++;
    before = ofCell;
  }
  return {
    name: sweep.name,
    base,
    trials: [...trials.values()],
    duplicates,
    ...(sweep.trainersPerTrial !== undefined && { trainersPerTrial: sweep.trainersPerTrial }),
    ...(sweep.earlyStopping && { earlyStopping: sweep.earlyStopping }),
    ...(launch && { launch }),
  };
}

/** Throws Failure if the trials would have trainers that are started in different ways, because they share them. */
function requireOneLaunch(cells: readonly Cell[]): void {
  const varies = cells.flat().find(({ key }) => covers(key, 'launch') || covers('launch', key));
  if (!varies) return;
  throw new Failure('input', `${varies.place}: ${varies.key} cannot vary: all trials of a sweep share its trainers`);
}

/** Throws Failure if a chain's point has another network than the previous point, or keeps more weights of a layer. */
function requireFewer(trial: Trial, before: Trial, cell: Cell): void {
  const place = cell.at(-1)?.place;
  if (trial.denseKey !== before.denseKey) {
    throw new Failure(
      'input',
      `${place}: a chain prunes one network on and on: leave keys of the dense network out of it`,
    );
  }
  const more = Object.entries(trial.kept.layers ?? {}).find(
    ([layer, kept]) => kept > (before.kept.layers?.[layer] ?? Infinity),
  );
  if (!more && trial.kept.total <= before.kept.total) return;
  const what = more ? `${more[0]} would keep ${more[1]} weights` : `${trial.kept.total} weights would be kept`;
  const earlier = more ? before.kept.layers?.[more[0]] : before.kept.total;
  throw new Failure(
    'input',
    `${place}: ${what} after ${earlier}: each point of a chain must prune more than the one before`,
  );
}

function put(root: PlainMap, { key, value, place }: Setting, places: Places): void {
  const path = pathOf(key);
  places.forget(path);
  places.add(path, { key: place, value: place });
  setKey(root, path, value, place, places);
}

function overlaps(varying: string, override: string): boolean {
  const key = override.split('=', 1)[0].trim();
  return covers(varying, key) || covers(key, varying);
}

/** Narrows an axis of the grid to the one of its values that an override `key=value` names; false if it names none. */
function chooses(override: string, { grid }: SweepDescription, places: Places): boolean {
  const equals = override.indexOf('=');
  const key = override.slice(0, Math.max(equals, 0)).trim();
  if (!Object.hasOwn(grid, key)) return false;
  const value = readYaml(override.slice(equals + 1), () => `--set ${override}`, new Places());
  const index = grid[key].findIndex((other) => isDeepStrictEqual(other, value));
  if (index < 0) return false;
  places.add(['grid', key, 0], { value: places.ofValue(['grid', key, index]) });
  grid[key] = [grid[key][index]];
  return true;
}

/** Returns every cell once more for each baseline method. */
function baselinesOf({ baseline }: SweepDescription, cells: readonly Cell[], places: Places): Cell[] {
  return baseline.flatMap((method) =>
    cells.map((cell) => [...cell, { key: 'method', value: method, place: places.ofValue(['baseline']) }]),
  );
}

function readSweep(text: string, file: string, places: Places): SweepDescription {
  places.add([], { key: `${file}:1:1`, value: `${file}:1:1` });
  const root = readYaml(text, (line, column) => `${file}:${line}:${column}`, places);
  if (typeof root !== 'object' || root === null || Array.isArray(root)) {
    throw new Failure('input', `${file}: not a sweep: it needs a map of keys such as name, base and grid`);
  }
  if ('model' in root && !('base' in root)) {
    throw new Failure('input', `${file}: one experiment, not a sweep: start it with prunegrid run ${file}`);
  }
  const parsed = sweepSchema.safeParse(root, { reportInput: true, error: requirement });
  if (!parsed.success) throw failureOf(problemsOf(parsed.error.issues), places);
  return parsed.data;
}

/** Returns the settings of a cell, without those that make no difference to the method. */
const settingsOf = (cell: Cell, method: string): Record<string, Plain> =>
  Object.fromEntries(cell.filter(({ key }) => matters(key, method)).map(({ key, value }) => [key, value]));

async function keptBy(
  spec: Spec,
  model: ModelDescription,
  runtime: Pick<Host, 'files'>,
  files: KnownFiles,
): Promise<Trial['kept']> {
  const layers = layersOf(model);
  const { budget } = spec;
  if (budget && budgets.get(budget.rule).dependsOnWeights) return { total: keptInAll(layers, budget.ratio) };
  const measured = budget?.measured && (await recallMeasured({ file: budget.measured.file }, runtime, files)).measured;
  const held = constraintsOf(spec, layers, () => new Float32Array(), measured);
  const counts = layers.map(({ name, shape }) => {
    const constraint = held.get(name);
    return constraint ? keptIn({ constraint, shape }) : sizeOf(shape);
  });
  return {
    total: counts.reduce((sum, count) => sum + count, 0),
    layers: Object.fromEntries(layers.map(({ name }, i) => [name, counts[i]])),
  };
}

const layersOf = ({ parameters }: ModelDescription): BudgetLayer[] =>
  parameters.filter(({ kind }) => kind === 'weight').map(({ layer: name, shape }) => ({ name, shape }));
