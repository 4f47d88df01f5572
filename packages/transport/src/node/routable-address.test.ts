import { describe, expect, it } from 'vitest';

import { routableAddress } from './routable-address.js';

describe('addressFacing', () => {
  it.each(['127.0.0.1:7070', 'localhost:7070', '0.0.0.0:7070', 'unix:/tmp/socket'])(
    'stays on the machine: %s',
    async (place) => {
      expect(await routableAddress(place)).toBeUndefined();
    },
  );

  it('says where there is no way', async () => {
    await expect(routableAddress('no-such-host.invalid:7070')).rejects.toThrow();
  });
});
