import { encode } from '@prunegrid/core/safetensors';

import { toFile } from '../models/index.js';
import type { ExportFormat } from './format.js';

/**
 * The parameters under the network's own names, in PyTorch's shapes, so that `load_state_dict` reads them into the same
 * module.
 */
export const safetensors: ExportFormat = {
  name: 'safetensors',
  title: "the weights by name, in PyTorch's shapes",
  async files({ model, parameters, out }) {
    const tensors = toFile(model, parameters);
    return [{ path: out, pieces: () => encode(tensors, { format: 'pt', model: model.name }) }];
  },
};
