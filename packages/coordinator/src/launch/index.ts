import { Registry } from '@prunegrid/core/registry';

import type { Launcher } from './launcher.js';
import { localLauncher } from './local/local.js';

export type { Launch, Launcher, LaunchEvent, LaunchRequest, TrainerResources } from './launcher.js';

/** The ways to start trainers that this process knows. */
export const launchers = new Registry<Launcher>('launcher', [localLauncher]);
