import { convolutions } from './convolutions.js';
import { elementwise } from './elementwise.js';
import { normalization } from './normalization.js';
import type { Lowering } from './operator.js';
import { pooling } from './pooling.js';
import { reductions } from './reductions.js';
import { selections } from './selections.js';
import { shapes } from './shapes.js';

/** How each operation of TensorFlow that models record is written in StableHLO. */
export const lowerings: ReadonlyMap<string, Lowering> = new Map<string, Lowering>([
  ...[convolutions, elementwise, normalization, pooling, reductions, selections, shapes].flatMap((each) =>
    Object.entries(each),
  ),
  [
    'BatchMatMulV2',
    ({ body, inputs: [a, b], node }) => {
      const is = (name: string) => node.attributes.some((each) => each.name === name && each.value === true);
      return body.product(a, b, is('adj_x'), is('adj_y'));
    },
  ],
]);
