import { describe, expect, it } from 'vitest';

import { addressFacing } from './routable-address.js';

describe('addressFacing', () => {
  it.each(['127.0.0.1:7070', 'localhost:7070', '0.0.0.0:7070', 'unix:/tmp/socket'])(
    'stays on the machine: %s',
    async (place) => {
      expect(await addressFacing(place)).toBeUndefined();
    },
  );

  it('says where there is no way', async () => {
    await expect(addressFacing('no-such-host.invalid:7070')).rejects.toThrow();
  });
});
