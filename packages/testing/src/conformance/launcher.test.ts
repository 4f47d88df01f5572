import { launchers } from '@prunegrid/coordinator/launch';
import { localLauncherOf } from '@prunegrid/coordinator/launch/local';
import { expect, it } from 'vitest';

import { describeLauncher } from './launcher.js';

describeLauncher('local', localLauncherOf);

it('the launchers that start trainers are described here or in test/clusters', () =>
  expect([...launchers].filter(({ byHand }) => !byHand).map(({ name }) => name)).toEqual([
    'local',
    'slurm',
    'ray',
    'kubernetes',
  ]));
