import { describe, expect, it } from 'vitest';

import { oddOnes } from './outliers.js';

describe('trainers with other weights', () => {
  it('are those that differ from most', () => {
    expect(oddOnes(['a', 'a', 'a'])).toEqual({ odd: [], reference: 0, isMinority: true });
    expect(oddOnes(['b', 'a', 'a'])).toEqual({ odd: [0], reference: 1, isMinority: true });
    expect(oddOnes(['a', 'b', 'a', 'c', 'a'])).toEqual({ odd: [1, 3], reference: 0, isMinority: true });
  });

  it('cannot be told where none are most', () => {
    expect(oddOnes(['a', 'b'])).toEqual({ odd: [1], reference: 0, isMinority: false });
    expect(oddOnes(['a', 'a', 'b', 'b'])).toEqual({ odd: [2, 3], reference: 0, isMinority: false });
  });
});
