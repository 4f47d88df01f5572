import { nodeHost } from '@prunegrid/core/node';
import { parentPort, workerData } from 'node:worker_threads';

import { TaskRunner } from './run-task.js';
import type { DecodingPlan, DecodingTask } from './task.js';

// A thread of `DecodingThreads`: it reads, decodes and changes pictures until it is ended.

const runner = new TaskRunner(nodeHost.files, workerData as DecodingPlan);

parentPort?.on('message', ({ id, task }: { id: number; task: DecodingTask }) => {
  void runner.run(task).then((answers) => parentPort?.postMessage({ id, answers }));
});
