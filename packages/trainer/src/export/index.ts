import { Registry } from '@prunegrid/core/registry';

import { compact } from './compact/index.js';
import type { ExportFormat } from './format.js';
import { onnx } from './onnx.js';
import { safetensors } from './safetensors.js';
import { tfjs } from './tfjs.js';

export {
  type CompactFile,
  compactLayout,
  isCompact,
  type Precision,
  precisions,
  readCompact,
} from './compact/index.js';
export type { ExportedFile, ExportFormat, ExportRequest } from './format.js';
export { writeExport, type WrittenFile } from './write.js';

/** The forms in which a trained network can be taken away, which `export --format` names. */
export const exportFormats = new Registry<ExportFormat>('format', [onnx, tfjs, safetensors, compact]);
