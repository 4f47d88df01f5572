import { describe, expect, it } from 'vitest';

import { prunegridBench } from './environment/cli.js';

type Row = Record<string, number> & { name: string };

describe('prunegrid-bench', () => {
  it('step: a step exchanges no more bytes and messages than it did', async () => {
    const { code, stdout } = await prunegridBench('step', '--rounds', '1', '--json');
    expect(code).toBe(0);
    const { rows } = JSON.parse(stdout) as { rows: Row[] };
    // Each of two trainers sends the other one half of its gradient of LeNet-5's 431,080 parameters, then its own half of W; 6,630 survive, and go through the
    // coordinator. Where steps take long they are reported one by one.
    const bounds: Record<string, Record<'bytesPerStep' | 'coordinatorBytes' | 'messagesPerStep', number>> = {
      'one trainer, dense': { bytesPerStep: 52, coordinatorBytes: 52, messagesPerStep: 2.1 },
      'one trainer, ADMM': { bytesPerStep: 52, coordinatorBytes: 52, messagesPerStep: 2.1 },
      'one trainer, masked 71x': { bytesPerStep: 52, coordinatorBytes: 52, messagesPerStep: 2.1 },
      'two trainers, dense': { bytesPerStep: 3_449_150, coordinatorBytes: 104, messagesPerStep: 10.1 },
      'two trainers, ADMM': { bytesPerStep: 3_449_150, coordinatorBytes: 104, messagesPerStep: 10.1 },
      'two trainers, masked 71x': { bytesPerStep: 106_250, coordinatorBytes: 106_250, messagesPerStep: 4.1 },
    };
    for (const [name, most] of Object.entries(bounds)) {
      const row = rows.find((each) => each.name === name);
      for (const count of ['bytesPerStep', 'coordinatorBytes', 'messagesPerStep'] as const) {
        const what = `${count} of a step, ${name}, where ${most[count]} were enough`;
        expect(row?.[count], what).toBeGreaterThan(0);
        expect(row?.[count], what).toBeLessThanOrEqual(most[count]);
      }
      expect((row?.comparison ?? 0) > 0, name).toBe(name.startsWith('two'));
    }
    for (const { name, imagesPerSecond } of rows) expect(imagesPerSecond, name).toBeGreaterThan(0);
  });

  it('exchange: trainers that compute nothing exchange whole tensors, beside raw buffers', async () => {
    const args = ['--weights', '300000', '--trainers', '4', '--rounds', '1', '--json'];
    const { code, stdout, stderr } = await prunegridBench('exchange', ...args);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const { rows, machine } = JSON.parse(stdout) as { rows: Row[]; machine: { cores: number; prunegrid: string } };
    // Two trainers and four each among themselves and through the coordinator.
    expect(rows).toHaveLength(5);
    for (const row of rows) {
      for (const figure of ['milliseconds', 'rawMilliseconds', 'toRaw', 'coordinatorMiB', 'trainerMiB']) {
        expect(row[figure], `${figure} of ${row.name}`).toBeGreaterThan(0);
      }
    }
    expect(machine.cores).toBeGreaterThan(0);
  });

  it('cost: the bytes through the coordinator do not depend on the size of the network once trainers share it out', async () => {
    const args = ['--weights', '200000', '--trainers', '2', '--rounds', '1', '--json'];
    const { code, stdout, stderr } = await prunegridBench('cost', ...args);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const { rows } = JSON.parse(stdout) as { rows: Row[] };
    const sizes = ['10,000', '100,000', '200,000'].map((size) => `${size} weights`);
    expect(rows.map(({ name }) => name)).toEqual(
      sizes.flatMap((size) => [`${size}, 1 trainer`, `${size}, 2 trainers`]),
    );
    for (const row of rows) {
      for (const cost of ['move', 'exchange', 'project', 'log']) {
        expect(row[`${cost}Milliseconds`], `${cost} of ${row.name}`).toBeGreaterThan(0);
      }
      if (row.name.endsWith('2 trainers')) expect(row.reduceMilliseconds, row.name).toBeGreaterThan(0);
      else expect(row, row.name).not.toHaveProperty('reduceMilliseconds');
    }
    const [throughCoordinator, ...sharded] = rows
      .filter(({ name }) => name.endsWith('2 trainers'))
      .map(({ coordinatorBytes }) => coordinatorBytes);
    expect(throughCoordinator).toBeGreaterThan(2 * 2 * 4 * 10_000);
    // How many reports there are follows from the machine's pace.
    for (const bytes of sharded) expect(bytes).toBeLessThan(1000);
  });

  it('prints a table for people, with the machine on top', async () => {
    const { code, stdout } = await prunegridBench('loader', '--rounds', '1');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^MNIST .*\n\d{4}-\d\d-\d\dT.* cores, .*load .*; prunegrid \d/);
    expect(stdout).toMatch(/\n {2,}batches\/s +images\/s/);
    expect(stdout).toMatch(/\ngathered and shifted by up to 2 pixels +[\d,]+ +[\d,]+ +\d/);
  });
});
