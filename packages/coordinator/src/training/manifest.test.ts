import { nodeHost } from '@prunegrid/core/node';
import { virtualHost } from '@prunegrid/testing/host';
import { expect, it } from 'vitest';

import { describeInvocation } from './manifest.js';

/** What a manifest says of git if this folder lies in its repository under `prefix`. */
async function gitUnder(prefix: string): Promise<unknown> {
  const run = (_command: string, args: readonly string[]) =>
    Promise.resolve(args[0] === 'status' ? '' : args[1] === 'HEAD' ? 'c0ffee\n' : `${prefix}\n`);
  return (await describeInvocation({ ...nodeHost, processes: { ...nodeHost.processes, run } })).git;
}

it("tells the commit of prunegrid's own checkout", async () => {
  expect(await gitUnder('packages/coordinator/dist/training/')).toEqual({ commit: 'c0ffee', dirty: false });
});

it.each([
  ['a copy inside another repository', 'vendor/prunegrid/packages/coordinator/dist/training/'],
  ['an installed package', 'node_modules/@prunegrid/coordinator/dist/training/'],
])('tells no commit for %s', async (_what, prefix) => {
  expect(await gitUnder(prefix)).toBeNull();
});

it('tells the machine and the user that it is handed', async () => {
  const machine = { processor: 'abacus', cores: 3, memoryBytes: 640, platform: 'wood-x1', user: 'ada' };
  const { user, host } = await describeInvocation(virtualHost({ seed: 1, host: 'desk', machine }));
  expect(user).toBe('ada');
  expect(host).toEqual({ name: 'desk', cpu: 'abacus', cores: 3, memoryBytes: 640, platform: 'wood-x1' });
});
