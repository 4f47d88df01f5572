import { parentPort, workerData } from 'node:worker_threads';

import { NonFiniteError } from '@prunegrid/numerics/constraints';
import { told } from './extensions.js';
import { type Answer, memoryOf, type Order, runOperation } from './operations.js';

// A thread of `LayerThreads`: it runs the one operation that it was started with, answers and ends.

// Most threads need none of the registries but the constraints: these are there already.
if (told().length > 0) await (await import('../../extension.js')).loadExtensions(told());

const answer = answerTo(workerData as Order);
parentPort?.postMessage(answer, memoryOf(answer));

function answerTo(order: Order): Answer {
  try {
    return { result: runOperation(order) };
  } catch (error) {
    if (error instanceof NonFiniteError) return { nonFinite: { index: error.index, value: error.value } };
    throw error;
  }
}
