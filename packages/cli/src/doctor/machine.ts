import { checkTracking } from '@prunegrid/coordinator/tracking/check';
import { Failure } from '@prunegrid/core/failure';
import { freeBytes } from '@prunegrid/core/node/room';
import type { Runtime } from '@prunegrid/core/runtime';
import { withoutLogin } from '@prunegrid/core/text/login';
import { sizeText } from '../tables/engines.js';
import type { ApiContext } from '../api/context.js';
import type { Finding } from './finding.js';

/** The room that a run of a small network and its engine's executables take, in bytes. */
const LEAST_ROOM = 1e9;
/** The files that a process may need open at a time. */
const LEAST_FILES = 256;
/** The shared memory of the exchange among trainers of one machine, in bytes. */
const LEAST_SHARED = 64e6;

/** Looks at everything but the engines. */
export async function findingsOfMachine({ runtime, variables }: ApiContext): Promise<Finding[]> {
  const cache = runtime.files.cacheFolder();
  return [
    processor(runtime),
    await room('cache folder', cache, 'name another folder in PRUNEGRID_CACHE'),
    await room('working folder', '.', 'give runs another folder by --out'),
    await openFiles(runtime),
    await sharedMemory(runtime),
    await ports(runtime),
    await mlflow(runtime, variables),
  ];
}

function processor({ machine }: Runtime): Finding {
  const { processor: name, cores, parallelism, instructionSet, memoryBytes, platform } = machine;
  const usable = parallelism < cores ? `, ${parallelism} of them usable` : '';
  return {
    ...{ name: 'processor', state: 'ok' },
    text: `${name} (${instructionSet}), ${cores} logical processors${usable}, ${sizeText(memoryBytes)} of memory, ${platform}`,
    data: { processor: name, instructionSet, cores, parallelism, memoryBytes, platform },
  };
}

async function room(name: string, folder: string, otherwise: string): Promise<Finding> {
  const free = await freeBytes(folder);
  const data = { folder, freeBytes: free ?? null };
  if (free === undefined) {
    const remedy = `make it readable, or ${otherwise}`;
    return { name, state: 'failed', text: `${folder} cannot be looked at`, remedy, data };
  }
  const text = `${sizeText(free)} free for ${folder}`;
  if (free >= LEAST_ROOM) return { name, state: 'ok', text, data };
  return { name, state: 'failed', text, remedy: `make room for ${sizeText(LEAST_ROOM)}, or ${otherwise}`, data };
}

async function openFiles({ files }: Runtime): Promise<Finding> {
  const name = 'open files';
  const limits = await files.read('/proc/self/limits').catch(() => undefined);
  const limit = /^Max open files\s+(\d+|unlimited)/m.exec(limits?.toString('utf8') ?? '')?.[1];
  if (limit === undefined) return { name, state: 'ok', text: 'the system does not tell its limit' };
  const most = limit === 'unlimited' ? Infinity : Number(limit);
  const found = { name, text: `at most ${limit} in a process`, data: { limit: Number.isFinite(most) ? most : null } };
  if (most >= LEAST_FILES) return { ...found, state: 'ok' };
  return { ...found, state: 'warning', remedy: `raise the limit by ulimit -n ${LEAST_FILES}` };
}

async function sharedMemory({ files }: Runtime): Promise<Finding> {
  const name = '/dev/shm';
  const there = await files.status(name).catch(() => undefined);
  const free = there && (await freeBytes(name));
  if (free === undefined) {
    return {
      name,
      state: 'warning',
      text: 'is not there',
      remedy: 'none is needed: trainers use sockets, more slowly',
    };
  }
  const found = { name, text: `${sizeText(free)} free`, data: { freeBytes: free } };
  if (free >= LEAST_SHARED) return { ...found, state: 'ok' };
  return { ...found, state: 'warning', remedy: 'give containers more of it, such as docker run --shm-size 1g' };
}

async function ports({ transport }: Runtime): Promise<Finding> {
  const name = 'ports';
  try {
    const listener = await transport.listen('coordination', '127.0.0.1:0', (call) => call.refuse('a test'));
    const { address } = listener;
    await listener.close();
    return { name, state: 'ok', text: `a coordinator can listen (tried ${address})`, data: { address } };
  } catch (error) {
    const text = `no coordinator can listen on 127.0.0.1 (${(error as Error).message})`;
    return { name, state: 'failed', text, remedy: 'allow processes to listen on this machine' };
  }
}

async function mlflow(runtime: Runtime, variables: ApiContext['variables']): Promise<Finding> {
  const name = 'MLflow';
  const url = variables['MLFLOW_TRACKING_URI'];
  if (!url) return { name, state: 'ok', text: 'MLFLOW_TRACKING_URI names no server, so runs are not sent' };
  try {
    await checkTracking(url, variables, runtime);
    return { name, state: 'ok', text: `${withoutLogin(url)} answers`, data: { url: withoutLogin(url) } };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const remedy = 'start the server; runs go on without it, and prunegrid sync sends what is missing';
    return { name, state: 'warning', text: error.message, remedy };
  }
}
