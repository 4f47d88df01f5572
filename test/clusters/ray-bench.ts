import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePorts } from '../environment/ports.mjs';
import { ensureRay } from '../environment/python.mjs';
import { until } from './until.js';

/** A job as Ray's dashboard gives it. */
export interface Job {
  submission_id: string;
  status: string;
}

/** The head of a Ray cluster on this machine, with eight processors and two GPUs that are none. */
export interface RayBench {
  /** Address of the dashboard. */
  address: string;
  /** File with the token that the dashboard asks for. */
  tokenFile: string;
  jobs(): Promise<Job[]>;
  /** Ends a job, as `ray job stop` does. */
  stopJob(id: string): Promise<void>;
  /** Returns the id of the process that a job runs. */
  processOf(id: string): number;
  /** Kills what watches over a job in the job's node, as the loss of the node does. */
  loseNodeOf(id: string): void;
  stop(): Promise<void>;
}

/** Installs Ray once, starts a head and waits until it takes jobs. */
export async function startRay(): Promise<RayBench> {
  const { bin } = await ensureRay(console.log);
  const folder = mkdtempSync(join(tmpdir(), 'prunegrid-ray-'));
  const ports = await freePorts(6);
  const [port, dashboard, ...others] = ports;
  const names = ['ray-client-server', 'dashboard-agent-listen', 'dashboard-agent-grpc', 'metrics-export'];
  const token = randomBytes(32).toString('hex');
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, token, { mode: 0o600 });
  const log = openSync(join(folder, 'head.log'), 'a');
  const head = spawn(
    bin('ray'),
    [
      ...['start', '--head', '--block', '--disable-usage-stats', `--temp-dir=${folder}`],
      ...['--node-ip-address=127.0.0.1', '--dashboard-host=127.0.0.1', '--num-cpus=8', '--num-gpus=2'],
      ...[`--port=${port}`, `--dashboard-port=${dashboard}`, '--min-worker-port=0', '--max-worker-port=0'],
      ...['--object-store-memory=100000000'],
      ...names.map((name, i) => `--${name}-port=${others[i]}`),
    ],
    // A group of its own, so that all of its processes can be ended together.
    {
      stdio: ['ignore', log, log],
      detached: true,
      env: { ...process.env, RAY_AUTH_MODE: 'token', RAY_AUTH_TOKEN_PATH: tokenFile },
    },
  );
  const gone = new Promise((resolve) => head.once('exit', resolve));
  const address = `http://127.0.0.1:${dashboard}`;
  const ask = (path: string, method = 'GET') => askDashboard(`${address}${path}`, method, token);
  const jobs = async () => (await ask('/api/jobs/')) as Job[];
  await until('Ray takes jobs', async () => (await jobs()).length === 0).catch((cause: unknown) => {
    head.kill();
    const said = readFileSync(join(folder, 'head.log'), 'utf8').slice(-2000);
    throw new Error(`Ray has not started: ${said}`, { cause });
  });
  return {
    address,
    tokenFile,
    jobs,
    stopJob: async (id) => void (await ask(`/api/jobs/${id}/stop`, 'POST')),
    processOf,
    loseNodeOf: (id) => process.kill(parentOf(processOf(id)), 'SIGKILL'),
    async stop() {
      head.kill();
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The dashboard takes what Node's `fetch` sends for a browser's, which may not change anything. */
async function askDashboard(url: string, method: string, token: string): Promise<unknown> {
  const asked = request(url, { method, headers: { authorization: `Bearer ${token}` } }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const body = (await response.setEncoding('utf8').toArray()).join('');
  if (response.statusCode !== 200) throw new Error(`${url}: ${response.statusCode} ${body}`);
  return JSON.parse(body);
}

/** Ray tells each job its id in its environment. */
function processOf(id: string): number {
  for (const name of readdirSync('/proc')) {
    try {
      const isOfJob = readFileSync(`/proc/${name}/environ`, 'utf8').includes(`"job_submission_id": "${id}"`);
      if (isOfJob && !readFileSync(`/proc/${name}/cmdline`, 'utf8').startsWith('ray::')) return Number(name);
    } catch {
      // It is no process, or has ended.
    }
  }
  throw new Error(`no process of job ${id}`);
}

const parentOf = (pid: number): number =>
  Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
