import { expect, it } from 'vitest';

import { checkAgainstModel } from './check.js';
import { scoreOf, scoreText } from './choose.js';
import { read, valid } from './experiment.fixture.js';

it('chooses by the metric that the spec names, and never what has diverged', () => {
  const measured = { accuracy: 0.9, top5: 0.99, loss: 0.5 };
  expect(scoreOf('accuracy', measured)).toBe(0.9);
  expect(scoreOf('top5', measured)).toBe(0.99);
  expect(scoreOf('loss', measured)).toBe(-0.5);
  expect(scoreOf('loss', { accuracy: 0.1, loss: NaN })).toBe(-Infinity);
  expect(scoreOf('top5', { accuracy: 0.1 })).toBe(-Infinity);
  expect(scoreText('top5', 0.99)).toBe('99.00 % top-5');
});

it('refuses top-5 accuracy of five classes', () => {
  const spec = read(valid, 'choose=top5');
  const model = { name: 'few', parameters: [{ layer: 'conv1', kind: 'weight', shape: [5, 5, 1, 20] }] };
  expect(checkAgainstModel(spec, { ...model, classes: 6 })).toEqual([]);
  expect(checkAgainstModel(spec, { ...model, classes: 5 })).toMatchObject([
    { path: ['choose'], text: 'found "top5"; few has 5 classes: choose accuracy or loss' },
  ]);
});
