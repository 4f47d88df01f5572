import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { journalOf, ofType, small, temporaryFolder } from '../environment/cli.js';
import { oneLine } from '../environment/one-line.js';
import { ensureKubernetes } from '../environment/python.mjs';
import { writeSweep } from '../environment/sweep.js';
import { describeOnKubernetes, type KubernetesBench, startKubernetes } from './kubernetes/bench.js';

const { prunegrid, start } = small;
let validator: string;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  validator = (await ensureKubernetes(console.log)).bin('kubernetes-validate');
  folder = await temporaryFolder();
}, 300_000);
afterAll(() => folder?.remove());

/** Returns what Kubernetes' own schemas find wrong with manifests: unknown fields too, in the oldest and the newest version. */
function wrongWith(manifests: string): string {
  const file = join(folder.path, 'manifests.yaml');
  writeFileSync(file, manifests);
  const versions = ['-k', '1.29', '-k', '1.37'];
  try {
    execFileSync(validator, ['--strict', '--quiet', ...versions, file], { encoding: 'utf8' });
    return '';
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

describeOnKubernetes('a sweep on Kubernetes', () => {
  let bench: KubernetesBench;
  beforeAll(async () => {
    bench = await startKubernetes({ one: { cpu: 2, 'nvidia.com/gpu': 1 }, two: { cpu: 2, 'nvidia.com/gpu': 1 } });
    process.env['KUBECONFIG'] = bench.kubeconfig;
  });
  afterEach(() => expect(bench.left()).toEqual([]));
  afterAll(() => bench?.stop());

  it('runs its trainers as pods, one of which loses its node, and leaves nothing behind', async () => {
    const { file, out } = writeSweep(
      folder.path,
      'list: [{ admm.rho: 1e-3 }, { admm.rho: 1e-2 }]\nlaunch: { name: kubernetes, image: "prunegrid:1", gpus: 1 }\n',
      { epochs: 100 },
    );
    bench.server.failures.hangUp = 1;
    const sweep = start('sweep', 'run', file, '--out', out, '--trainers', '2');
    await sweep.prints(/trial 2 .*: started on trainer 2/);
    const [{ metadata, spec }] = bench.pods();
    bench.nodes.lose(spec.nodeName as string);
    await sweep.prints(new RegExp(`the trainer of pod ${metadata.name}.* has lost its place; another one is started`));
    const { code, stderr } = await sweep.ended;
    expect(`${code} ${stderr}`).toMatch(/^0 /);
    expect(journalOf(out).at(-1)).toMatchObject({ type: 'sweep-finished', finished: 2, failed: 0 });

    // Kubernetes knows every field, and would refuse one that it does not know.
    const { created } = bench.server;
    expect(created.map(({ kind }) => kind)).toEqual(['Job', 'Secret', 'PodDisruptionBudget']);
    const manifests = created.map((each) => stringify(each)).join('---\n');
    expect(wrongWith(manifests)).toBe('');
    expect(wrongWith(manifests.replace('completionMode:', 'completionsMode:'))).toMatch(/completionsMode.*unexpected/);

    // What each trainer has printed stays; the address and the secrets do not.
    expect(readdirSync(join(out, 'launch')).sort()).toEqual(['kubernetes-id', 'logs']);
    const trial = join(out, 'trials/2');
    const [{ host, pid }] = ofType(join(trial, 'attempt-1'), 'trainer-joined') as { host: string; pid: number }[];
    // The machine of a pod is called by its Job and its place.
    expect(host).toMatch(new RegExp(`^${created[0].metadata.name}-[01]$`));
    const shown = await prunegrid('logs', trial);
    expect(shown.stdout).toMatch(new RegExp(`^admitted as trainer \\d at ${host} \\(process ${pid}\\): `, 'm'));
    const logs = readdirSync(join(out, 'launch/logs')).map((log) =>
      readFileSync(join(out, 'launch/logs', log), 'utf8'),
    );
    expect(logs.length).toBeGreaterThanOrEqual(3);
    expect(logs.join('')).not.toMatch(/[0-9a-f]{64}/);
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

  it('ends at once in a namespace that is none', async () => {
    const launch = ['--set', 'launch={name: kubernetes, image: "prunegrid:1", context: certificate, namespace: none}'];
    const to = ['--trainers', '1', '--out', join(folder.path, 'refused')];
    const { code, stderr } = await prunegrid('run', 'test/environment/small.yaml', ...launch, ...to);
    expect(code).toBe(5);
    oneLine(stderr, /^prunegrid: https:.*: Jobs: namespaces "none" not found$/m);
  });
});
