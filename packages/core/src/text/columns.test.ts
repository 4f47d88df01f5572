import { expect, it } from 'vitest';

import { columnsWithin } from './columns.js';

const rows = [
  ['trial 1', 'ADMM 12 %', 'trainer 1', 'admm.rho 0.01, budget {rule: erk, ratio: 20}'],
  ['trial 12', 'retrain 3 %', 'trainer 2', 'admm.rho 1'],
];

it.each([
  [
    90,
    [
      'trial 1     ADMM 12 %  trainer 1  admm.rho 0.01, budget {rule: erk, ratio: 20}',
      'trial 12  retrain 3 %  trainer 2                                    admm.rho 1',
    ],
  ],
  [
    70,
    [
      'trial 1     ADMM 12 %  admm.rho 0.01, budget {rule: erk, ratio: 20}',
      'trial 12  retrain 3 %                                    admm.rho 1',
    ],
  ],
  [40, ['trial 1     ADMM 12 %  admm.rho 0.01, b…', 'trial 12  retrain 3 %         admm.rho 1']],
  [30, ['trial 1     ADMM 12 %', 'trial 12  retrain 3 %']],
  [12, ['trial 1    …', 'trial 12  r…']],
])('in %i characters leaves out the first dispensable column, then cuts the last one', (width, lines) => {
  expect(columnsWithin(rows, width, [2, 3])).toEqual(lines);
});
