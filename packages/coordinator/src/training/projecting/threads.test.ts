import { Failure } from '@prunegrid/core/failure';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

import { hardPrune, initialise, iterate } from '@prunegrid/numerics/admm';
import { atMost, NonFiniteError, projectionOnto } from '@prunegrid/numerics/constraints';
import { LayerThreads } from './threads.js';

/** Returns a module that was built, because a thread runs no TypeScript. */
const built = (module: string) => new URL(`../../../dist/training/projecting/${module}.js`, import.meta.url);
const program = built('thread');
/** Returns a thread's program that replaces the real one. */
const ofSource = (source: string) => new URL(`data:text/javascript,${encodeURIComponent(source)}`);

const layer = (size: number, keep: number, name = `of ${size}`) => ({
  ...{ name, size, shape: [size], constraint: atMost(keep) },
});
const keeping = (keep: number) => projectionOnto(atMost(keep), []);
const ramp = (size: number) => Float32Array.from({ length: size }, (_, i) => (i % 2 === 0 ? i : -i));

describe('LayerThreads', () => {
  it('come to what is computed here, by arrays that move there and back', async () => {
    const threads = new LayerThreads(2, program);
    const W = ramp(1000);
    const moved = W.slice();
    const state = await threads.run(layer(1000, 10), 'initialise', async () => [moved, 0.5]);
    expect(state).toEqual(initialise(W, keeping(10), 0.5));
    expect(moved).toHaveLength(0);

    const trained = W.map((w) => w / 3 + 1);
    const expected = iterate(state, trained, keeping(10), 0.7);
    expect(await threads.run(layer(1000, 10), 'iterate', async () => [state, trained.slice(), 0.7])).toEqual(expected);
    expect([state.Z, state.U, state.support].map(({ length }) => length)).toEqual([0, 0, 0]);

    const pruned = await threads.run(layer(1000, 3), 'hardPrune', async () => [trained.slice()]);
    expect(pruned).toEqual(hardPrune(trained, keeping(3)));
  });

  it('take the largest layers first, so many at the same time', async () => {
    const threads = new LayerThreads(2, program);
    const begun: number[] = [];
    let atWork = 0;
    let most = 0;
    const prune = async (size: number) => {
      await threads.run(layer(size, 1), 'hardPrune', async () => {
        begun.push(size);
        most = Math.max(most, ++atWork);
        return [ramp(size)];
      });
      atWork--;
    };
    await Promise.all([10, 40, 20, 50, 30].map(prune));
    expect(begun).toEqual([50, 40, 30, 20, 10]);
    expect(most).toBe(2);
  });

  it('reject with the errors that are thrown here', async () => {
    const threads = new LayerThreads(1, program);
    const prune = (W: Float32Array, keep: number) =>
      threads.run(layer(W.length, keep), 'hardPrune', async () => [W]).catch((error: unknown) => error);
    for (const bad of [NaN, -Infinity]) {
      const error = await prune(Float32Array.of(1, bad), 1);
      expect(error).toBeInstanceOf(NonFiniteError);
      expect(error).toMatchObject({ ...new NonFiniteError(1, bad), message: new NonFiniteError(1, bad).message });
    }
    const refused = await prune(ramp(3), 4);
    expect(refused).toBeInstanceOf(RangeError);
    expect(refused).toMatchObject({ message: 'cannot keep 4 of 3 weights' });
    await expect(threads.run(layer(1, 1), 'hardPrune', () => Promise.reject(new Error('no W')))).rejects.toThrow(
      'no W',
    );
  });

  it.each([
    ['ends', 'process.exit(9)', 'ended with exit code 9 in the middle'],
    [
      'gets no memory for a tensor',
      'throw new RangeError("Array buffer allocation failed")',
      'found no memory (Array buffer allocation failed)',
    ],
  ])('become one line when a thread %s, and the next layer has its turn', async (_, source, how) => {
    const threads = new LayerThreads(1, ofSource(source));
    for (const name of ['fc1', 'fc2']) {
      const error = await threads
        .run(layer(1234, 1, name), 'hardPrune', async () => [ramp(1234)])
        .catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(Failure);
      expect(error).toMatchObject({
        kind: 'environment',
        message: `${name}: the thread for its 1,234 weights ${how}: close what else needs memory on this machine`,
      });
    }
  });

  it('become one line when a thread outgrows its heap', async () => {
    const hoarder = ofSource('let all = []; for (;;) all = [all, 1, 2, 3, 4, 5, 6, 7];');
    const { stdout } = await inProcess(
      `const alive = setInterval(() => {}, 1000);
       await threads(${JSON.stringify(hoarder)}).catch(({ kind, message }) => console.log(kind, message));
       clearInterval(alive)`,
      '--max-old-space-size=48',
    );
    expect(stdout).toMatch(/^environment fc1: the thread for its 2 weights found no memory \(.+\): close .+\n$/);
  });

  it('do not keep the process alive', async () => {
    const endless = ofSource('setInterval(() => {}, 1000)');
    const { stdout } = await inProcess(
      `void threads(${JSON.stringify(endless)});
       process.on('exit', (code) => console.log('left with', code))`,
    );
    expect(stdout).toBe('left with 0\n');
  });
});

/** Runs a script in a process of its own, in which `threads(program)` has a layer fc1 pruned. */
const inProcess = (script: string, ...flags: string[]) =>
  promisify(execFile)(
    process.execPath,
    [
      ...[...flags, '--input-type=module', '--eval'],
      `import { LayerThreads } from ${JSON.stringify(built('threads'))};
       const threads = (program) => new LayerThreads(1, new URL(program))
         .run(
           { name: 'fc1', size: 2, shape: [2], constraint: { kind: 'cardinality', keep: 1 } },
           'hardPrune',
           async () => [new Float32Array(2)],
         );
       ${script}`,
    ],
    { timeout: 20_000 },
  );
