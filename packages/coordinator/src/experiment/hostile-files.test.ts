import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Failure } from '@prunegrid/core/failure';

import { complaint, read, valid } from './experiment.fixture.js';

describe('an experiment file', () => {
  it.each([
    ['', 'e.yaml: empty;'],
    ['# only a comment\n', 'e.yaml: empty;'],
    ['- a\n- b\n', 'e.yaml:1:1: an experiment must be a map of keys'],
    ['just text', 'e.yaml:1:1: an experiment must be a map of keys'],
  ])('that holds %j is refused', (text, expected) => {
    expect(complaint(text)).toContain(expected);
  });

  it('cannot be a bomb', () => {
    const levels = 'abcdefghij'.split('').map(
      (name, i, all) =>
        `${name}: &${name} [${Array(10)
          .fill(i === 0 ? 'x' : `*${all[i - 1]}`)
          .join(', ')}]`,
    );
    expect(complaint(levels.join('\n'))).toMatch(/^e\.yaml:\d+:\d+: grows beyond 100000 values and 16 levels/);
    expect(complaint('a: &a { b: *a }')).toMatch(/grows beyond/);
    for (const piece of ['[', '{', '- ', '? ', 'a: ', '{a: ']) {
      const deep = piece.repeat(Math.floor(60_000 / piece.length));
      expect(complaint(deep)).toMatch(/^e\.yaml:1:\d+: nested more than 16 levels deep/);
      expect(complaint(valid, `admm.rho=${deep}`)).toMatch(/^--set admm.rho=.{1,80}\.\.\.: nested more than 16 levels/);
    }
    expect(complaint(`a:\n  b: ${'['.repeat(20)}`)).toMatch(/^e\.yaml:2:\d+: nested/);
  });

  it('never brings anything but a Failure about, whatever it holds', () => {
    const pieces = fc.constantFrom(
      'name',
      ': ',
      '\n',
      '  ',
      '- ',
      '{',
      '}',
      '[',
      ']',
      '&a',
      '*a',
      '!!x',
      '"',
      '1e-3',
      '~',
      '? ',
      '|',
      '%',
      '\t',
      '---',
      'keep',
      '<<',
      '__proto__',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces, { maxLength: 40 }).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(text, (content) => complaint(content).length > 0),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(text, fc.constantFrom('admm.rho', 'name', 'keep', 'dense.learningRate.max'), (content, key) => {
        try {
          read(valid, `${key}=${content}`);
        } catch (error) {
          expect(error).toBeInstanceOf(Failure);
        }
      }),
      { numRuns: 300 },
    );
    expect(({} as Record<string, unknown>)['conv1']).toBeUndefined();
  });
});
