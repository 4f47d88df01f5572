import { describe, expect, it } from 'vitest';

import { Failure } from './failure.js';
import { Registry } from './registry.js';

interface Shape {
  name: string;
  corners: number;
}
const triangle = { name: 'triangle', corners: 3 };
const square = { name: 'square', corners: 4 };
const shapes = () => new Registry<Shape>('shape', [triangle, square]);

function failureOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('Registry', () => {
  it('finds its members by name', () => {
    expect(shapes().get('square')).toBe(square);
    expect(shapes().find('square')).toBe(square);
    expect(shapes().find('circle')).toBeUndefined();
  });

  it('keeps the order of registration', () => {
    const registry = shapes();
    const circle = { name: 'circle', corners: 0 };
    registry.add(circle);
    expect(registry.names).toEqual(['triangle', 'square', 'circle']);
    expect([...registry]).toEqual([triangle, square, circle]);
  });

  it('names what there is, and the nearest, where a member is missing', () => {
    const error = failureOf(() => shapes().get('sqare'));
    expect(error).toBeInstanceOf(Failure);
    expect(error).toMatchObject({
      kind: 'input',
      message: 'no shape "sqare"; did you mean "square"? Allowed: triangle, square',
    });
    expect(failureOf(() => shapes().get('zzzzzz'))).toMatchObject({
      message: 'no shape "zzzzzz"; allowed: triangle, square',
    });
  });

  it('does not take what every object has for a member', () => {
    expect(shapes().find('constructor')).toBeUndefined();
    expect(failureOf(() => shapes().get('toString'))).toBeInstanceOf(Failure);
  });

  it('refuses a second member of one name and keeps the first', () => {
    const registry = shapes();
    expect(failureOf(() => registry.add({ name: 'square', corners: 5 }))).toMatchObject({
      kind: 'input',
      message: 'shape "square" is registered already: give this one another name',
    });
    expect(registry.get('square')).toBe(square);
    expect(failureOf(() => new Registry('shape', [square, square]))).toBeInstanceOf(Failure);
  });

  it.each([{}, { name: '' }, { name: 4 }])('refuses a member without a name: %o', (member) => {
    expect(failureOf(() => shapes().add(member as Shape))).toMatchObject({
      message: 'shape without a name: give it one that users can write, as text',
    });
  });
});
