import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { isAlive, ofType, pidsOf, sha256, small } from './environment/cli.js';
import { freePort } from './environment/ports.mjs';
import { runFolders } from './environment/run-folders.js';

const { prunegrid, start } = small;
const experimentFile = 'test/environment/small.yaml';
const { path, out } = runFolders();
const setting = (value: string): string[] => ['--set', value];

describe('trainers of a run that is disturbed', () => {
  const experiment = ['run', experimentFile, ...setting('dense.epochs=150')];
  const modelOf = (run: string) => sha256(join(run, 'model.safetensors'));
  let expected: string;
  beforeAll(async () => {
    const undisturbed = out();
    expect((await prunegrid(...experiment, '--out', undisturbed)).code).toBe(0);
    expected = modelOf(undisturbed);
  });

  it('are replaced when they are killed, stopped or told to leave, and the bits are those of an undisturbed run', async () => {
    const to = out();
    const run = start(...experiment, '--out', to, '--min-trainers', '2');
    const joins = (count: number) =>
      expect.poll(() => pidsOf(to).length, { timeout: 100_000, interval: 50 }).toBeGreaterThanOrEqual(count);
    await run.prints(/dense epoch 1\/150/);
    process.kill(pidsOf(to)[1], 'SIGKILL');
    await joins(3);
    process.kill(pidsOf(to)[0], 'SIGTERM');
    await joins(4);
    process.kill(pidsOf(to)[2], 'SIGSTOP');
    await joins(5);
    const { code, stderr } = await run.ended;
    expect(code).toBe(0);
    const [left, killed, stopped] = pidsOf(to);
    expect(stderr).toMatch(new RegExp(`process ${killed} was ended by SIGKILL; another one is started$`, 'm'));
    expect(stderr).toMatch(new RegExp(`process ${left} ended with exit code 0.*; another one is started$`, 'm'));
    expect(stderr).toMatch(
      new RegExp(`process ${stopped}\\).*; goes on with \\d trainers? from what was saved last$`, 'm'),
    );
    // The trainer that was told to leave is no loss.
    expect(ofType(to, 'run-resumed').map((record) => 'lost' in record)).toEqual([true, false, true]);
    expect(pidsOf(to).filter(isAlive)).toEqual([]);
    expect(modelOf(to)).toBe(expected);
  });

  it('dial again when the coordinator is killed, and the next one goes on with them', async () => {
    const to = out();
    const tokenFile = path('token-of-both');
    writeFileSync(tokenFile, 'x'.repeat(32), { mode: 0o600 });
    const address = `127.0.0.1:${await freePort()}`;
    const command = [...experiment, '--out', to, '--trainers', '0', '--external', '2', '--listen', address];
    const first = start(...command, '--token-file', tokenFile);
    const trainers = [1, 2].map(() => start('trainer', '--coordinator', address, '--token-file', tokenFile));
    await first.prints(/dense epoch 2\/150/);
    first.process.kill('SIGKILL');
    await first.ended;
    const { code, stdout } = await prunegrid(...command, '--token-file', tokenFile);
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^resumes in dense/m) as string,
    });
    for (const { ended } of trainers) {
      expect(await ended).toMatchObject({
        code: 0,
        stderr: expect.stringMatching(/dialling again for 300 s\nadmitted as trainer \d/) as string,
      });
    }
    expect(modelOf(to)).toBe(expected);
  });
});
