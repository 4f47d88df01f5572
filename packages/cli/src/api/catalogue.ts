import { keysOf, launchers } from '@prunegrid/coordinator/launch';
import { datasets } from '@prunegrid/trainer/datasets';
import { engines } from '@prunegrid/trainer/engines';
import { models } from '@prunegrid/trainer/models';

/** What this process can train, including the members that extensions added. */
export const catalogue = {
  get engines() {
    return engines.names;
  },
  get models() {
    return [...models];
  },
  get datasets() {
    return datasets.names;
  },
  get launchers() {
    return [...launchers].map((launcher) => ({ name: launcher.name, keys: keysOf(launcher) }));
  },
};
