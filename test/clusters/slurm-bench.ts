import { execFile, type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, it } from 'vitest';

import { freePorts } from '../environment/ports.mjs';
import { until } from './until.js';

const run = promisify(execFile);

/** A Slurm cluster of four virtual nodes on this machine, each with two processors and two GPUs that are none. */
export interface SlurmBench {
  /** Runs one of Slurm's commands and returns its standard output. */
  slurm(command: string, ...args: string[]): Promise<string>;
  /** Kills the daemon of a node, as if the node had lost power. Slurm notices within about half a minute. */
  killNode(node: string): void;
  startNode(node: string): void;
  /** Has a job start that was put back into the queue, which Slurm would do after two minutes. */
  startNow(job: string): Promise<void>;
  /** Kills the controller, and starts it again after `work`. */
  withoutController(work?: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

/** Describes tests on a Slurm of their own, or says why there can be none here. */
export function describeOnSlurm(
  title: string,
  tests: (bench: SlurmBench) => void,
  options?: Parameters<typeof startSlurm>[0],
): void {
  const missing = installSlurm();
  if (missing !== undefined) {
    it(`${title} is not tested: ${missing}`, ({ skip }) => skip());
    return;
  }
  describe(title, async () => {
    const bench = await startSlurm(options);
    afterAll(() => bench.stop());
    tests(bench);
  });
}

const NODES = ['n1', 'n2', 'n3', 'n4'];
const PACKAGES = ['slurm-wlm', 'munge'];

/** Why there can be no Slurm here, or undefined if it is installed now. */
function installSlurm(): string | undefined {
  const isThere = () => ['slurmctld', 'slurmd', 'munged'].every((name) => spawnSync('which', [name]).status === 0);
  if (process.getuid?.() !== 0) return 'Slurm is tested as root only: its daemons make devices and change users';
  if (isThere()) return undefined;
  const apt = (...args: string[]) =>
    spawnSync('apt-get', args, { encoding: 'utf8', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  apt('update', '-qq');
  const { error, stderr } = apt('install', '-y', '-qq', '--no-install-recommends', ...PACKAGES);
  if (isThere()) return undefined;
  return `Slurm cannot be installed by apt-get (${error?.message ?? stderr.trim().split('\n').at(-1) ?? 'no reason given'})`;
}

/**
 * Starts the cluster and waits until its nodes are idle. `installSlurm` must have succeeded.
 * @param options the seconds after which what ignores SIGTERM is killed
 */
async function startSlurm({ killWait = 10 } = {}): Promise<SlurmBench> {
  const folder = mkdtempSync(join(tmpdir(), 'prunegrid-slurm-'));
  // Munge refuses a socket that not all users can reach.
  chmodSync(folder, 0o755);
  const conf = await writeConfiguration(folder, killWait);
  const env = { ...process.env, SLURM_CONF: conf };
  const nodes = new Map<string, ChildProcess>();
  const start = (program: string, ...args: string[]) => spawn(program, args, { env, stdio: 'ignore' });
  const slurm = async (command: string, ...args: string[]) =>
    (await run(command, args, { env, maxBuffer: 1 << 28 })).stdout;
  const munged = start('munged', '--foreground', ...mungeFlags(folder));
  await until('munge answers', async () => existsSync(join(folder, 'munge/sock')));
  let controller = start('slurmctld', '-D');
  const startNode = (node: string) => void nodes.set(node, start('slurmd', '-D', '-N', node));
  NODES.forEach(startNode);
  const isUp = async () =>
    (await slurm('sinfo', '-h', '-N', '-o', '%t'))
      .trim()
      .split('\n')
      .every((it) => it === 'idle');
  await until('four nodes are idle', isUp);
  process.env['SLURM_CONF'] = conf;
  return {
    slurm,
    startNode,
    killNode: (node) => void nodes.get(node)?.kill('SIGKILL'),
    startNow: (job) =>
      until(`job ${job} may start again`, async () => {
        const state = (await slurm('squeue', '-h', '-r', '-j', job, '-o', '%T %r')).trim();
        if (state === 'PENDING BeginTime') await slurm('scontrol', 'update', `JobId=${job}`, 'StartTime=now');
        return state.startsWith('RUNNING') || (state.startsWith('PENDING') && state !== 'PENDING BeginTime');
      }),
    async withoutController(work) {
      await killed(controller);
      await work?.();
      controller = start('slurmctld', '-D');
      await until('the controller answers', async () => (await slurm('scontrol', 'ping')).includes('UP'));
    },
    async stop() {
      await slurm('scancel', '--user=root').catch(() => undefined);
      const isEmpty = async () => (await slurm('squeue', '-h')).trim() === '';
      await until('no job is left', isEmpty).catch(() => undefined);
      for (const each of [...nodes.values(), controller, munged]) await killed(each);
      delete process.env['SLURM_CONF'];
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

const mungeFlags = (folder: string): string[] =>
  Object.entries({ 'key-file': 'key', socket: 'sock', 'pid-file': 'pid', 'seed-file': 'seed', 'log-file': 'log' }).map(
    ([flag, name]) => `--${flag}=${join(folder, 'munge', name)}`,
  );

async function writeConfiguration(folder: string, killWait: number): Promise<string> {
  const host = hostname();
  const [controllerPort, ...ports] = await freePorts(1 + NODES.length);
  for (const name of ['munge', 'state', 'log', 'run']) mkdirSync(join(folder, name), { mode: 0o755 });
  writeFileSync(join(folder, 'munge/key'), randomBytes(128), { mode: 0o400 });
  for (const i of [0, 1]) spawnSync('mknod', [join(folder, `gpu${i}`), 'c', '195', String(i)]);
  writeFileSync(join(folder, 'cgroup.conf'), 'CgroupPlugin=cgroup/v1\n');
  writeFileSync(join(folder, 'gres.conf'), `NodeName=n[1-4] Name=gpu File=${folder}/gpu[0-1]\n`);
  const lines = [
    'ClusterName=lab',
    `SlurmctldHost=${host}(127.0.0.1)`,
    'SlurmUser=root',
    'SlurmdUser=root',
    'AuthType=auth/munge',
    `AuthInfo=socket=${folder}/munge/sock`,
    'CredType=cred/munge',
    `SlurmctldPort=${controllerPort}`,
    // Otherwise the daemons listen on every address.
    'CommunicationParameters=NoCtldInAddrAny,NoInAddrAny',
    `StateSaveLocation=${folder}/state`,
    `SlurmdSpoolDir=${folder}/spool-%n`,
    `SlurmctldPidFile=${folder}/run/slurmctld.pid`,
    `SlurmdPidFile=${folder}/run/slurmd-%n.pid`,
    `SlurmctldLogFile=${folder}/log/slurmctld.log`,
    `SlurmdLogFile=${folder}/log/slurmd-%n.log`,
    'ProctrackType=proctrack/linuxproc',
    'TaskPlugin=task/none',
    'JobAcctGatherType=jobacct_gather/linux',
    'SelectType=select/cons_tres',
    'SelectTypeParameters=CR_Core',
    'ReturnToService=2',
    'SlurmdTimeout=10',
    `KillWait=${killWait}`,
    'MpiDefault=none',
    'MinJobAge=300',
    'SchedulerParameters=batch_sched_delay=0,sched_interval=2',
    'AccountingStorageType=accounting_storage/none',
    'GresTypes=gpu',
    'SlurmdParameters=config_overrides',
    ...NODES.map(
      (node, i) =>
        `NodeName=${node} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${ports[i]} Boards=1 SocketsPerBoard=1 CoresPerSocket=2 ThreadsPerCore=1 CPUs=2 RealMemory=5000 Gres=gpu:2 State=UNKNOWN`,
    ),
    'PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP',
    'PartitionName=closed Nodes=ALL MaxTime=INFINITE State=DOWN',
  ];
  const file = join(folder, 'slurm.conf');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}
