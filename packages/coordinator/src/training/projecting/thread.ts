import { parentPort, workerData } from 'node:worker_threads';

import { NonFiniteError } from '@prunegrid/numerics/constraints';
import { type Answer, memoryOf, type Order, runOperation } from './operations.js';

// A thread of `LayerThreads`: it runs the one operation that it was started with, answers and ends.

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
