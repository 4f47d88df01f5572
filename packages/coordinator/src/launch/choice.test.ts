import { Registry } from '@prunegrid/core/registry';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { chooseLauncher } from './choice.js';
import { commonKeys, type Launcher } from './launcher.js';

const launch: Launcher['launch'] = () => ({ replace: () => undefined, stop: () => Promise.resolve() });
const cluster: Launcher = {
  name: 'cluster',
  keys: z.strictObject({ ...commonKeys, partition: z.string(), hours: z.int().default(1) }),
  launch,
};
const registry = new Registry<Launcher>('launcher', [{ name: 'local', launch }, cluster]);
const spec = { launch: { name: 'cluster', partition: 'gpu' } };

describe('the launcher of a run', () => {
  it('is the local one by default, that of the spec if it names one, and that of the command line before both', () => {
    expect(chooseLauncher(registry, {})).toMatchObject({ launcher: { name: 'local' }, keys: { name: 'local' } });
    expect(chooseLauncher(registry, spec)).toEqual({
      launcher: cluster,
      keys: { name: 'cluster', partition: 'gpu', hours: 1 },
    });
    expect(chooseLauncher(registry, spec, 'cluster').keys).toMatchObject({ partition: 'gpu' });
    expect(chooseLauncher(registry, spec, 'local').keys).toEqual({ name: 'local' });
  });

  it('is refused if there is none of that name, or its keys are not complete', () => {
    expect(() => chooseLauncher(registry, {}, 'loca')).toThrow('no launcher "loca"; did you mean "local"?');
    expect(() => chooseLauncher(registry, {}, 'cluster')).toThrow('launch.partition: missing; must be text');
    expect(() => chooseLauncher(registry, { launch: { name: 'local', partition: 'gpu' } })).toThrow(
      /^launch\.partition: unknown key/,
    );
  });
});
