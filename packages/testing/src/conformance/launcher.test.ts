import { launchers } from '@prunegrid/coordinator/launch';
import { localLauncherOf } from '@prunegrid/coordinator/launch/local';
import { expect, it } from 'vitest';

import { describeLauncher } from './launcher.js';

describeLauncher('local', localLauncherOf);

it('the launchers that are described here are all that are registered', () =>
  expect(launchers.names).toEqual(['local']));
