import type { Ready } from '@prunegrid/proto';

/** The token of idle trainers, who hold nothing that is secret. */
export const IDLE_TOKEN = 'idle';

/** What a trainer says that loads nothing. */
export const idleReady = (parameters: number): Ready => ({
  ...{ engine: 'none', engineVersion: '', device: '', memoryBytes: 0, datasetHash: '' },
  ...{ trainingImages: 0, validationImages: 0, testImages: 0, parameters },
});
