import { expect, it } from 'vitest';

import { read, valid } from './experiment.fixture.js';

it("drops units at the network's own rates by default if it is in a file, and none in a registered one", () => {
  const ratesOf = ({ dense, admm, retrain }: ReturnType<typeof read>) =>
    [dense, admm, retrain].map(({ dropout }) => dropout);
  expect(ratesOf(read(valid))).toEqual([0, 0, 0]);
  const inFile = valid.replace('model: lenet5', 'model: ./net.onnx');
  expect(ratesOf(read(inFile, 'admm.dropout=0'))).toEqual(['network', 0, 'network']);
});
