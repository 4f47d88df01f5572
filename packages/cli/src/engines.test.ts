import type { Accelerator } from '@prunegrid/trainer/engines';
import { describe, expect, it } from 'vitest';

import { chooseEngine } from './engines.js';

const release = (name: string) => ({ name, title: '', wheels: [], unpackedBytes: 0 });
const none: Accelerator = { fitting: release('cpu') };
const driver = { version: '580.65.06', cuda: 13 };
const gpu: Accelerator = { driver, fitting: release('cuda13') };
const ready: Accelerator = { ...gpu, installed: release('cuda13') };
const plugin: Accelerator = { ...none, named: '/opt/plugin.so' };

const unnamed = { engine: 'tensorflow', named: false, hasObjective: false };
const named = (engine: string) => ({ engine, named: true, hasObjective: false });

describe('the engine of an experiment', () => {
  it.each([
    ['nothing is named on a machine without a GPU', unnamed, none, 'tensorflow', undefined],
    ['one is named on a machine without a GPU', named('xla'), none, 'xla', undefined],
    ['a plugin is named', unnamed, plugin, 'xla', /^engine xla: PRUNEGRID_XLA_PLUGIN names .opt.plugin.so/],
    ['a plugin and TensorFlow are named', named('tensorflow'), plugin, 'tensorflow', undefined],
    [
      'there is a GPU and a plugin for it',
      unnamed,
      ready,
      'xla',
      /^engine xla: NVIDIA's driver 580[.]65[.]06 and .*cuda13/,
    ],
    [
      'there is a GPU without a plugin',
      unnamed,
      gpu,
      'tensorflow',
      /^engine tensorflow, on the CPU: .*engine install xla/,
    ],
    [
      'TensorFlow is named beside a GPU',
      named('tensorflow'),
      ready,
      'tensorflow',
      /because it is named; .*--engine xla/,
    ],
    ['XLA is named beside a GPU', named('xla'), ready, 'xla', /because it is named, by the plugin cuda13/],
    // Its own provisioning then says that it computes on the CPU.
    ['XLA is named beside a GPU without a plugin', named('xla'), gpu, 'xla', undefined],
    ['the loss is its own', { ...unnamed, hasObjective: true }, ready, 'tensorflow', /xla computes no losses/],
    ['the loss is its own, without a GPU', { ...unnamed, hasObjective: true }, none, 'tensorflow', undefined],
  ])('if %s', (_case, wish, accelerator, engine, line) => {
    const chosen = chooseEngine(wish, accelerator);
    expect(chosen.engine).toBe(engine);
    if (line === undefined) expect(chosen.line).toBeUndefined();
    else expect(chosen.line).toMatch(line);
  });
});
