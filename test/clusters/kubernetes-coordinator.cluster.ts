import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import { journalOf, ofType, small, temporaryFolder } from '../environment/cli.js';
import { oneLine } from '../environment/one-line.js';
import { writeSweep } from '../environment/sweep.js';
import { describeOnKubernetes, type KubernetesBench, startKubernetes } from './kubernetes/bench.js';
import { isLive, type Job } from './kubernetes/store.js';

const { prunegrid, start } = small;

describeOnKubernetes('a sweep on Kubernetes', () => {
  let bench: KubernetesBench;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    folder = await temporaryFolder();
    const node = { cpu: 4, memory: 2 ** 32, 'nvidia.com/gpu': 1 };
    bench = await startKubernetes({ one: node, two: node });
    process.env['KUBECONFIG'] = bench.kubeconfig;
  });
  afterEach(() => expect(bench.left()).toEqual([]));
  afterAll(async () => {
    await bench?.stop();
    await folder?.remove();
  });

  it('is submitted with its coordinator, which goes on in other pods when it must make way, and when it loses its node', async () => {
    const { file } = writeSweep(
      folder.path,
      'list: [{ admm.rho: 1e-3 }, { admm.rho: 1e-2 }]\nlaunch: { name: kubernetes, image: "prunegrid:1" }\n',
      { epochs: 400 },
    );
    const to = ['--out', join(folder.path, 'submitted')];
    const submitted = await prunegrid('sweep', 'submit', file, ...to, '--trainers', '2', '--json');
    const { job } = JSON.parse(submitted.stdout) as { job: string };
    const name = job.replace("Kubernetes' job ", '');
    expect(bench.store.get('ServiceAccount', name)).toBeDefined();
    const sweep = join(bench.volumeOf(name), name);
    const turns = () => (existsSync(join(sweep, 'journal.jsonl')) ? ofType(sweep, 'trial-started').length : 0);
    await expect.poll(turns, { timeout: 60_000 }).toBeGreaterThan(0);
    bench.nodes.preempt(bench.pods(name)[0]);
    await expect.poll(turns, { timeout: 60_000 }).toBeGreaterThan(2);
    expect(ofType(sweep, 'sweep-interrupted')).toHaveLength(1);
    // A node that is lost takes the coordinator along, without a word to its trainers.
    const pod = bench.pods(name).find(isLive);
    bench.nodes.lose(pod?.spec.nodeName as string);
    await expect
      .poll(() => bench.store.get<Job>('Job', name)?.status.conditions, { timeout: 150_000 })
      .toMatchObject([{ type: 'Complete' }]);
    expect(journalOf(sweep).at(-1)).toMatchObject({ type: 'sweep-finished', finished: 2, failed: 0 });
    // Its trainers are gone, and the rest goes as it was told.
    expect(bench.store.all<Job>('Job').map(({ metadata }) => metadata.name)).toEqual([name]);
    const again = await prunegrid('sweep', 'submit', file, ...to);
    expect(again.code).toBe(5);
    oneLine(again.stderr, /^prunegrid: https:.*: ServiceAccount \S+: .* already exists$/m);
    bench.removeAll();
  });

  it('that asks for more GPUs than a node has waits, and says for what', async () => {
    const out = join(folder.path, 'waiting');
    const launch = ['--set', 'launch={name: kubernetes, image: "prunegrid:1", gpus: 2}'];
    const run = start('run', 'test/environment/small.yaml', ...launch, '--trainers', '1', '--out', out);
    await run.prints(
      /waiting for 1 trainers: Kubernetes has not started them: 0\/2 nodes are available: 2 Insufficient nvidia\.com\/gpu\. \(each asks for 1 CPU, 2 nvidia\.com\/gpu\)/,
    );
    run.process.kill('SIGINT');
    expect((await run.ended).code).toBe(130);
  });
});
