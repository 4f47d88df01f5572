import { Failure } from '@prunegrid/core/failure';

import type { Model } from '../model.js';
import { traceModel } from './trace.js';

/**
 * Returns the number of classes of a model from a file, by a pass in which all shapes of the network are computed.
 * @param path of the file, for messages
 * @param remedy what to do about another output than [batch, classes], such as `export it with such an output`
 * @throws {Failure} `input`, one line that begins with the path, if the pass fails or ends with another output
 */
export function classesOf(path: string, draft: Model, remedy: string): number {
  try {
    const { output } = traceModel({ ...draft, name: path });
    if (output.length === 1 && output[0] >= 1) return output[0];
    const shape = ['batch', ...output].join(', ');
    throw new Failure(
      'input',
      `its output has the shape [${shape}], and one of [batch, classes] is trained: ${remedy}`,
    );
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const { message } = error;
    throw new Failure('input', message.startsWith(path) ? message : `${path}: ${message}`, { cause: error });
  }
}
