import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { journalOf, prunegrid, type Running, start, temporaryFolder } from './environment/cli.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => (folder = await temporaryFolder()));
afterAll(() => folder.remove());

/** A sweep of one trial whose phases last long enough to be interrupted; its dense network was never trained on this machine. */
function sweepOf(name: string, ...settings: string[]): { file: string; out: string } {
  const out = join(folder.path, name);
  const file = `${out}.yaml`;
  writeFileSync(
    file,
    `name: ${name}
base: ${relative(dirname(file), resolve('experiments/lenet5-smoke.yaml'))}
set:
  seed: ${Math.floor(Math.random() * 2 ** 32)}
  dataset.limit: 2048
  dataset.validation: 500
  dense.epochs: 4
  admm.iterations: 2
  admm.epochsPerIteration: 3
  retrain.epochs: 6
${settings.map((setting) => `  ${setting}\n`).join('')}list: [{ admm.rho: 1e-2 }]
`,
  );
  return { file, out };
}

const trial = (out: string) => join(out, 'trials/1/attempt-1');
const snapshotIn = (run: string) => join(run, 'checkpoints/snapshot.safetensors');

/** What a run's journal tells, without what depends on the clock, the process and the trainers. */
function storyOf(run: string): object[] {
  const own = ['run-started', 'run-resumed', 'run-failed', 'trainer-joined'];
  return journalOf(run)
    .filter(({ type }) => !own.includes(type as string))
    .map((record) => {
      const timed = ['seq', 'time', 'imagesPerSecond', 'runId'];
      const rest = Object.fromEntries(Object.entries(record).filter(([key]) => !timed.includes(key)));
      if (record.type === 'run-finished') delete (rest['result'] as { seconds?: number }).seconds;
      return rest;
    });
}

/** Sends the signal in the middle of an epoch, once a line of the phase's epoch before has been printed by `sweep watch`'s source. */
async function interruptIn(sweep: Running, run: () => string, phase: string, epoch: number, signal: NodeJS.Signals) {
  await expect
    .poll(
      () => journalOf(run()).filter((record) => record.type === 'epoch-finished' && record.phase === phase).length,
      { timeout: 90_000, interval: 20 },
    )
    .toBeGreaterThanOrEqual(epoch);
  sweep.process.kill(signal);
  return sweep.ended;
}

describe('a trial that is interrupted', () => {
  it.each([
    ['ADMM', 'method: admm'],
    ['gradual pruning', 'method: gradual'],
  ])('goes on in every phase with the bits of one that is not: %s', async (_title, method) => {
    const { file, out } = sweepOf(method.slice('method: '.length), method);
    const denseRun = () => {
      const started = journalOf(out).find(({ type }) => type === 'dense-started');
      return join(out, String(started?.folder ?? 'none'));
    };
    let sweep = start('sweep', 'run', file, '--out', out);
    for (const [phase, run] of [
      ['dense', denseRun],
      ['admm', () => trial(out)],
      ['retrain', () => trial(out)],
    ] as const) {
      const { code, stderr } = await interruptIn(sweep, run, phase, 2, 'SIGINT');
      expect({ code, stderr }).toMatchObject({ code: 130, stderr: expect.stringMatching(/go on with/) as string });
      expect(existsSync(snapshotIn(run()))).toBe(true);
      sweep = start('sweep', 'resume', out);
      await sweep.prints(/: (training|started).* on trainers 1, 2, where it was after \d+ epochs/);
    }
    expect((await sweep.ended).code).toBe(0);
    expect(existsSync(snapshotIn(trial(out)))).toBe(false);
    const undisturbed = { file: `${out}-again.yaml`, out: `${out}-again` };
    // Another seed's dense network is not shared, this one's must not be either.
    rmSync(join(out, 'dense'), { recursive: true });
    const { spec } = (
      JSON.parse(readFileSync(join(out, 'sweep.json'), 'utf8')) as { plan: { trials: { spec: object }[] } }
    ).plan.trials[0];
    writeFileSync(undisturbed.file, JSON.stringify(spec));
    expect((await prunegrid('run', undisturbed.file, '--out', undisturbed.out)).code).toBe(0);
    const ownPhases = (story: object[]) => story.slice(story.findIndex((record) => 'stage' in record));
    expect(ownPhases(storyOf(trial(out)))).toEqual(ownPhases(storyOf(undisturbed.out)));
    const model = 'model.safetensors';
    const weights = (run: string) => readFileSync(join(run, model)).subarray(-1_000_000);
    expect(weights(trial(out)).equals(weights(undisturbed.out))).toBe(true);
  });
});
