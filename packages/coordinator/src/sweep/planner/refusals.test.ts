import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { base, PlanningFolder } from './planning.fixture.js';

let folder: PlanningFolder;
beforeEach(async () => (folder = await PlanningFolder.make()));
afterEach(() => folder.remove());

describe('a sweep that is wrong', () => {
  it.each([
    [
      'an unknown key of its own',
      'gird: { admm.rho: [1] }\n',
      'sweep.yaml:3:1: gird: unknown key; did you mean "grid"?',
    ],
    ['an axis that is no list', 'grid: { admm.rho: 1 }\n', 'sweep.yaml:3:19: grid.admm.rho: found 1; must be a list'],
    [
      'an axis without values',
      'grid: { admm.rho: [] }\n',
      'sweep.yaml:3:19: grid.admm.rho: found a list; must be a list with at least one value',
    ],
    [
      'an axis of how trainers are started',
      'grid: { launch.nice: [1, 2] }\n',
      'sweep.yaml:3:23: launch.nice cannot vary: all trials of a sweep share its trainers',
    ],
    [
      'a launcher that there is not',
      'launch: { name: loca }\n',
      'sweep.yaml:3:9: launch.name: no launcher "loca"; did you mean "local"? Allowed: local',
    ],
    [
      'zipped lists of two lengths',
      'zip: { admm.rho: [1, 2], keep.fc1: [1] }\n',
      'sweep.yaml:3:26: zip.keep.fc1: 1 values, but admm.rho has 2',
    ],
    [
      'a chain that prunes less and less',
      'chain: { keep.fc1: [10, 20] }\n',
      'sweep.yaml:3:25: fc1 would keep 20 weights after 10: each point of a chain must prune more than the one before',
    ],
    [
      'a chain over several dense networks',
      'chain: { dense.epochs: [1, 2] }\n',
      'sweep.yaml:3:28: a chain prunes one network on and on: leave keys of the dense network out of it',
    ],
    [
      'a chain of lists of two lengths',
      'chain: { keep.fc1: [20, 10], keep.fc2: [1] }\n',
      'sweep.yaml:3:30: chain.keep.fc2: 1 values, but keep.fc1 has 2: lists of a chain must be of one length',
    ],
    [
      'a key that varies twice',
      'grid: { admm.rho: [1] }\nlist:\n  - admm.rho.from: 1\n',
      'sweep.yaml:5:5: admm.rho.from varies already, admm.rho at sweep.yaml:3:9',
    ],
    [
      'a seed beside seeds',
      'grid: { seed: [1, 2] }\nseeds: 2\n',
      'sweep.yaml:3:9: seed varies, and seeds is 2: take one of the two out',
    ],
    [
      'a baseline that there is not',
      'baseline: magnitud\n',
      'sweep.yaml:3:11: baseline: found "magnitud"; did you mean "magnitude"?',
    ],
    [
      'a method that varies beside baselines',
      'grid: { method: [admm, gradual] }\nbaseline: magnitude\n',
      'sweep.yaml:4:1: method varies already, method at sweep.yaml:3:9',
    ],
    [
      'too many trials with the baselines',
      'seeds: 4000\nbaseline: [magnitude, gradual]\n',
      'sweep.yaml:1:1: 12000 trials',
    ],
    ['too many trials', 'seeds: 10001\n', 'sweep.yaml:1:1: 10001 trials, more than 10000'],
    [
      'a range the wrong way round',
      'random: { draws: 1, over: { admm.rho: { from: 2, to: 1 } } }\n',
      'sweep.yaml:3:54: random.over.admm.rho.to: must be above from',
    ],
    [
      'a range from 0 in the logarithm',
      'random: { draws: 1, over: { admm.rho: { from: 0, to: 1, scale: log } } }\n',
      'sweep.yaml:3:47: random.over.admm.rho.from: must be above 0',
    ],
    [
      'a value that the experiment refuses',
      'grid: { admm.rho: [1e-3, -1] }\n',
      'sweep.yaml:3:26: admm.rho: found -1; must be above 0',
    ],
    [
      'a key that the experiment lacks',
      'grid: { admm.rhoo: [1e-3] }\n',
      'sweep.yaml:3:21: admm.rhoo: unknown key; did you mean "rho"?',
    ],
    [
      'a layer that the model lacks',
      'list: [{ keep.fc3: 1 }]\n',
      'sweep.yaml:3:20: keep.fc3: lenet5 has no such layer; did you mean "fc1"?',
    ],
    [
      'a key below a number',
      'set: { admm.rho.from: 1 }\n',
      'sweep.yaml:3:23: admm.rho is 0.001 and has no keys below it',
    ],
  ])('with %s is refused, with the place and the remedy', async (_what, body, expected) => {
    const message = await folder.complaint(body);
    expect(message.startsWith(expected), message).toBe(true);
    expect(message.split('\n')).toHaveLength(1);
  });

  it('names the base where that is wrong', async () => {
    await writeFile(join(folder.path, 'base.yaml'), base.replace('iterations: 16', 'iterations: 0'));
    expect(await folder.complaint('')).toBe('base.yaml:11:15: admm.iterations: found 0; must be above 0');
    await rm(join(folder.path, 'base.yaml'));
    expect(await folder.complaint('')).toContain('base.yaml: no such file');
    await mkdir(join(folder.path, 'base.yaml'));
    expect(await folder.complaint('')).toContain('base.yaml: a folder');
  });
});
