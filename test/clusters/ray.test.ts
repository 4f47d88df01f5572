import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { journalOf, ofType, small, temporaryFolder } from '../environment/cli.js';
import { oneLine } from '../environment/one-line.js';
import { writeSweep } from '../environment/sweep.js';
import { type RayBench, startRay } from './ray-bench.js';

const { prunegrid, start } = small;
let bench: RayBench;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  bench = await startRay();
  folder = await temporaryFolder();
}, 300_000);
afterAll(async () => {
  await bench?.stop();
  await folder?.remove();
});

const running = async () => (await bench.jobs()).filter(({ status }) => status === 'RUNNING');

it('a sweep runs as jobs of Ray, one of which is killed, and leaves nothing behind', async () => {
  const { file, out } = writeSweep(
    folder.path,
    `list: [{ admm.rho: 1e-3 }, { admm.rho: 1e-2 }]\nlaunch: { name: ray, address: "${bench.address}", tokenFile: "${bench.tokenFile}", gpus: 1 }\n`,
    { epochs: 200 },
  );
  const sweep = start('sweep', 'run', file, '--out', out, '--trainers', '2');
  await sweep.prints(/trial 2 .*: started on trainer 2/);
  const [{ submission_id: lost }] = await running();
  process.kill(bench.processOf(lost), 'SIGKILL');
  await sweep.prints(new RegExp(`the trainer of Ray's job ${lost} ended with exit code -9; another one is started`));
  const { code, stderr } = await sweep.ended;
  expect(`${code} ${stderr}`).toMatch(/^0 /);
  expect(journalOf(out).at(-1)).toMatchObject({ type: 'sweep-finished', finished: 2, failed: 0 });
  expect(await running()).toEqual([]);
  // What each trainer has printed stays; the address and the secrets do not.
  expect(readdirSync(join(out, 'launch'))).toEqual(['logs']);

  const trial = join(out, 'trials/2');
  const [{ host, pid }] = ofType(join(trial, 'attempt-1'), 'trainer-joined') as { host: string; pid: number }[];
  const shown = await prunegrid('logs', trial);
  expect(shown).toMatchObject({ code: 0, stderr: '' });
  expect(shown.stdout).toMatch(new RegExp(`^==> .*: trainer \\d at ${host} \\(process ${pid}\\) <==$`, 'm'));
  expect(shown.stdout).toMatch(new RegExp(`^admitted as trainer \\d at ${host} \\(process ${pid}\\): `, 'm'));
  const logs = JSON.parse((await prunegrid('logs', out, '--json')).stdout) as { file: string; trainers: object[] }[];
  expect(logs.map(({ file }) => relative(join(out, 'launch/logs'), file))).toContain(`ray-${lost}.log`);
  expect(logs.flatMap(({ trainers }) => trainers)).toHaveLength(ofType(out, 'trainer-joined').length);
  expect(logs.map(({ file }) => readFileSync(file, 'utf8')).join('')).not.toMatch(/[0-9a-f]{64}/);
});

it('a run that asks for more GPUs than there are waits, and says for what', async () => {
  const out = join(folder.path, 'waiting');
  const launch = ['--set', `launch={name: ray, address: "${bench.address}", tokenFile: "${bench.tokenFile}", gpus: 3}`];
  const run = start('run', 'test/environment/small.yaml', ...launch, '--trainers', '1', '--out', out);
  await run.prints(
    /waiting for 1 trainers: Ray has not started them: each asks for 1 CPU, 3 GPU; all nodes have 8 CPU, 2 GPU/,
  );
  run.process.kill('SIGINT');
  expect((await run.ended).code).toBe(130);
  oneLine((await prunegrid('logs', out)).stderr, /journal\.jsonl does not exist; name the folder of a run/m);
});

it('a run without the token that Ray asks for ends with the remedy', async () => {
  const launch = ['--set', `launch={name: ray, address: "${bench.address}"}`];
  const to = ['--trainers', '1', '--out', join(folder.path, 'no-token')];
  const { code, stderr } = await prunegrid('run', 'test/environment/small.yaml', ...launch, ...to);
  expect(code).toBe(2);
  oneLine(stderr, /^prunegrid: http:.*: Ray asks for a token: name its file by launch\.tokenFile$/m);
});

it('a dashboard that is none is named', async () => {
  const out = join(folder.path, 'nobody');
  const launch = ['--set', 'launch={name: ray, address: "http://127.0.0.1:9"}'];
  const run = start('run', 'test/environment/small.yaml', ...launch, '--trainers', '1', '--out', out);
  await run.prints(/waiting for 1 trainers: http:\/\/127\.0\.0\.1:9: Ray's dashboard does not answer/);
  run.process.kill('SIGINT');
  expect((await run.ended).code).toBe(130);
});
