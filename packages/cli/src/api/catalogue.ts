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
};
