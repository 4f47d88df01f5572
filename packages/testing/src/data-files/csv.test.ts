import { type DatasetChoice, loadDataset } from '@prunegrid/trainer/datasets';
import { describe, expect, it } from 'vitest';

import { hostWith } from './index.js';

const read = async (text: string, choice: Partial<DatasetChoice> = {}) => {
  const host = await hostWith({ '/d/t.csv': text });
  return loadDataset({ name: '/d/t.csv', validation: 1, test: 1, ...choice }, host);
};

describe('a table', () => {
  it('has class names from labels that are text, in their order, and a header or none', async () => {
    const rows = '5.1,3.5,setosa\n7,3.2,virginica\n6.3,3.3,"setosa"\n5,3,albo\n';
    for (const text of [rows, `length,width,species\n${rows}`, `\uFEFFlength , width,species\r\n${rows}`]) {
      const dataset = await read(text);
      expect(dataset).toMatchObject({ shape: [2], classes: 3, classNames: ['albo', 'setosa', 'virginica'] });
      expect([...dataset.training.resident!.labels]).toEqual([1, 2]);
      expect([...dataset.training.resident!.inputs]).toEqual([5.1, 3.5, 7, 3.2].map(Math.fround));
    }
  });

  it('has the labels in the column that is named, as numbers if they are', async () => {
    const dataset = await read('class,a,b\n0,1,2\n1.0,3,4\n2,5,6\n0,7,8\n', { labels: 'class', shape: [1, 2, 1] });
    expect([dataset.classes, dataset.classNames, dataset.shape]).toEqual([3, undefined, [1, 2, 1]]);
    expect([...dataset.training.resident!.inputs]).toEqual([1, 2, 3, 4]);
  });

  it.each([
    ['', 'is empty'],
    ['a,b,y\n', 'has a header and no rows'],
    ['1,2,0\n3,x,1\n', 'row 2, column 2: found "x": put a finite number in its place'],
    ['a,b,y\n1,2,0\n3,,1\n', 'row 3, column 2 (b): found nothing'],
    ['a,b,y\n1,2,0\n3,nan,1\n', 'row 3, column 2 (b): found "nan"'],
    ['1,2,0\n3,1e99,1\n', 'row 2, column 2: found "1e99"'],
    ['a,b,y\n1,2,0\n3,4,\n', 'row 3, column 3 (y): found nothing: put a label'],
    ['1,2,0\n3,1\n', 'is no table: Invalid Record Length'],
    ['1,2,0\n3,"4,1\n', 'is no table: Quote Not Closed'],
    [',a,y\n0,1,0\n1,3,1\n', 'column 1 has no name, as the row numbers of pandas'],
    ['1\n2\n', 'has a single column'],
    ['1,0.5\n2,1\n3,0\n', 'the example 0 has the label 0.5'],
    ['1,-1\n2,1\n3,0\n', 'the example 0 has the label -1'],
    ['1,0\n2,0\n3,0\n', 'all examples have the same label'],
  ])('%j is refused', async (text, problem) => {
    await expect(read(text)).rejects.toMatchObject({
      kind: 'input',
      message: expect.stringContaining(problem) as string,
    });
  });

  it('says which columns there are', async () => {
    await expect(read('a,b,klass\n1,2,0\n', { labels: 'class' })).rejects.toThrow(
      'dataset.labels: /d/t.csv has no column "class"; did you mean "klass"? Allowed: a, b, klass',
    );
  });
});
