import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { journalOf, ofType, small, temporaryFolder } from '../environment/cli.js';
import { oneLine } from '../environment/one-line.js';
import { writeSweep } from '../environment/sweep.js';
import { describeOnKubernetes, type KubernetesBench, startKubernetes } from './kubernetes/bench.js';
import { schemas } from './kubernetes/schemas.js';

const { prunegrid, start } = small;
let wrongWith: (manifests: string) => string;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  wrongWith = await schemas();
  folder = await temporaryFolder();
}, 300_000);
afterAll(() => folder?.remove());

it('shows what would be submitted, and submits nothing', async () => {
  const { file } = writeSweep(
    folder.path,
    'launch: { name: kubernetes, image: "prunegrid:1", gpus: 1, queue: team }\n',
  );
  const submit = ['sweep', 'submit', file, '--out', join(folder.path, 'shown'), '--trainers', '2', '--print'];
  const { code, stdout, stderr } = await prunegrid(...submit);
  expect(`${code} ${stderr}`).toBe('0 ');
  expect(wrongWith(stdout)).toBe('');
  const [own, trainers] = stdout.split(/^# What it makes for its trainers.*$/m);
  const kinds = (text: string) => [...text.matchAll(/^kind: (\w+)$/gm)].map(([, kind]) => kind);
  const coordinator = ['ServiceAccount', 'Role', 'RoleBinding', 'ConfigMap', 'PersistentVolumeClaim', 'Service', 'Job'];
  expect(kinds(own)).toEqual(coordinator);
  // The sweep is as the user has written it.
  expect(own).toContain(
    readFileSync(file, 'utf8')
      .trim()
      .replaceAll(/^(?=.)/gm, '    '),
  );
  // What the coordinator makes by itself is shown, and not applied.
  expect(kinds(trainers)).toEqual([]);
  const inComments = trainers.replaceAll(/^# ?/gm, '');
  expect(kinds(inComments)).toEqual(['Job', 'Secret', 'PodDisruptionBudget']);
  expect(wrongWith(inComments)).toBe('');
  expect(inComments).toContain('defaultMode: 0400');
  expect(existsSync(join(folder.path, 'shown'))).toBe(false);

  const here = await prunegrid(...submit, '--token-file', 'secret');
  expect(here.code).toBe(2);
  oneLine(here.stderr, /^prunegrid: --token-file: a coordinator in a pod listens there/m);
});

describeOnKubernetes('a sweep on Kubernetes', () => {
  let bench: KubernetesBench;
  beforeAll(async () => {
    const node = { cpu: 2, memory: 2 ** 32, 'nvidia.com/gpu': 1 };
    bench = await startKubernetes({ one: node, two: node });
    process.env['KUBECONFIG'] = bench.kubeconfig;
  });
  afterEach(() => expect(bench.left()).toEqual([]));
  afterAll(() => bench?.stop());

  it('runs its trainers as pods, one of which loses its node, and leaves nothing behind', async () => {
    const { file, out } = writeSweep(
      folder.path,
      'list: [{ admm.rho: 1e-3 }, { admm.rho: 1e-2 }]\nlaunch: { name: kubernetes, image: "prunegrid:1", gpus: 1 }\n',
      { epochs: 60 },
    );
    // A server that is busy, and one whose answer is lost, are asked again, and nothing is made twice.
    Object.assign(bench.server.failures, { refuse: 1, hangUp: 1 });
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

  it('ends at once in a namespace that is none', async () => {
    const launch = ['--set', 'launch={name: kubernetes, image: "prunegrid:1", context: certificate, namespace: none}'];
    const to = ['--trainers', '1', '--out', join(folder.path, 'refused')];
    const { code, stderr } = await prunegrid('run', 'test/environment/small.yaml', ...launch, ...to);
    expect(code).toBe(5);
    oneLine(stderr, /^prunegrid: https:.*: Jobs: namespaces "none" not found$/m);
  });
});
