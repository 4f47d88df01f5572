import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import type { Recording, TensorValues } from '../../recording/nodes.js';
import { DATA_TYPES } from '../../recording/record.js';
import type { SessionBackend } from './binding.js';
import { NativeVector } from './native-vector.js';
import { encodeSavedModel, GRAPH_TAG } from './saved-model.js';

/**
 * Runs a recorded computation as a TensorFlow session, which optimises the graph once and then runs it in a single
 * native call. The kernels are the same as during the recording, but TensorFlow.js no longer looks up, allocates and
 * dispatches each of about a hundred operations: LeNet-5's gradient takes 0.6 of the time (`npm run bench -- step`).
 */
export class GraphSession {
  private readonly session: number;
  private readonly inputNames: string;
  private readonly outputNames: string;

  /**
   * Loads the recording as a session. Throws Failure if the disk has no space for a temporary file, which is needed
   * because the binding reads graphs only from a folder.
   */
  constructor(
    private readonly backend: SessionBackend,
    private readonly recording: Recording,
  ) {
    const { nodes, placeholders, outputs } = recording;
    this.inputNames = placeholders.map(({ name }) => `${name}:0`).join();
    this.outputNames = outputs.map((output) => (output.includes(':') ? output : `${output}:0`)).join();
    let folder: string | undefined;
    try {
      folder = mkdtempSync(join(tmpdir(), 'prunegrid-graph-'));
      writeFileSync(join(folder, 'saved_model.pb'), encodeSavedModel(nodes));
      this.session = backend.binding.loadSavedModel(folder, GRAPH_TAG);
    } catch (error) {
      const reason = (error as Error).message.split('\n')[0];
      throw new Failure(
        'environment',
        `${folder ?? tmpdir()}: no graph can be loaded from there (${reason}): free some room, or name another folder by TMPDIR`,
        {
          cause: error,
        },
      );
    } finally {
      if (folder) rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Returns the id of a new native tensor for input number `index`. The caller must delete the tensor. */
  input(index: number, values: TensorValues): number {
    const { shape, elementType } = this.recording.placeholders[index];
    return this.backend.binding.createTensor([...shape], DATA_TYPES[elementType], values);
  }

  /**
   * Computes the recording's outputs, which together are a vector [length]. `inputs` holds the ids of native tensors, one for each placeholder, in their
   * order.
   */
  run(inputs: number[], length: number): NativeVector {
    const outputs = this.backend.binding.runSavedModel(this.session, inputs, this.inputNames, this.outputNames);
    const ids = outputs.map(({ id }) => id);
    return new NativeVector(this.backend, ids, length);
  }
}
