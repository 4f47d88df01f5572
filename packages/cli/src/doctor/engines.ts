import { type Accelerator, DEFAULT_ENGINE, engines, findAccelerator } from '@prunegrid/trainer/engines';
import { dirname, join } from 'node:path';

import { listEngines } from '../commands/engine/list.js';
import type { CommandEnvironment } from '../environment.js';
import { type ListedEngine, sizeText } from '../tables/engines.js';
import type { Finding } from './finding.js';
import type { TimedStep } from './step.js';

/** Looks at the driver, its devices, and the engines, each of which makes a few steps in a process of its own. */
export async function findingsOfEngines(environment: CommandEnvironment): Promise<Finding[]> {
  const { runtime, variables } = environment;
  const accelerator = await findAccelerator(runtime.files, variables);
  const findings = [await driver(accelerator, environment), await plugin(accelerator, environment)];
  for (const engine of await listEngines(runtime.files.cacheFolder())) {
    findings.push(await step(engine, accelerator, environment));
  }
  return findings;
}

async function driver({ driver: found }: Accelerator, { runtime }: CommandEnvironment): Promise<Finding> {
  const name = 'NVIDIA driver';
  if (!found) return { name, state: 'ok', text: 'none, so nothing is trained on a GPU of NVIDIA' };
  const query = ['--query-gpu=index,name,memory.total,compute_cap', '--format=csv,noheader,nounits'];
  const output = await runtime.processes.run('nvidia-smi', query, '.').catch(() => undefined);
  const devices = devicesIn(output ?? '');
  const data = { version: found.version, cuda: found.cuda, devices };
  if (devices.length === 0) {
    const text = `${found.version}, for CUDA up to ${found.cuda}; nvidia-smi names no device`;
    return { name, state: 'warning', text, remedy: 'see what nvidia-smi says on this machine', data };
  }
  const named = devices.map(
    ({ index, name, memoryBytes, computeCapability }) =>
      `${index}: ${name}, ${sizeText(memoryBytes)}, compute capability ${computeCapability}`,
  );
  return { name, state: 'ok', text: `${found.version}, for CUDA up to ${found.cuda}; ${named.join('; ')}`, data };
}

/** A device, as nvidia-smi describes it. */
export interface GpuDevice {
  index: number;
  name: string;
  memoryBytes: number;
  computeCapability: string;
}

/** Reads what nvidia-smi prints of index, name, memory in MiB and compute capability, with commas between. */
export const devicesIn = (output: string): GpuDevice[] =>
  output.split('\n').flatMap((line) => {
    const [, index, name, mebibytes, computeCapability] = /^(\d+), (.+), (\d+), ([\d.]+)\s*$/.exec(line) ?? [];
    return index === undefined
      ? []
      : [{ index: Number(index), name, memoryBytes: Number(mebibytes) * 2 ** 20, computeCapability }];
  });

/** The libraries that a plugin for CUDA finds beside it, by the folders of NVIDIA's wheels for CUDA 13 and 12. */
const LIBRARIES = ['cu13/lib', 'cublas/lib', 'cuda_runtime/lib', 'cudnn/lib', 'nccl/lib', 'cuda_nvcc/bin', 'cu13/bin'];

async function plugin(accelerator: Accelerator, { runtime }: CommandEnvironment): Promise<Finding> {
  const name = "XLA's plugin";
  const { named, installed, driver: found, fitting } = accelerator;
  const parts = engines.get('xla').parts?.(runtime.files.cacheFolder()) ?? [];
  const file = named ?? (installed && parts.find((part) => part.name === installed.name)?.folder);
  if (file === undefined) {
    if (!found) return { name, state: 'ok', text: 'none for an accelerator is named or installed' };
    const remedy = `prunegrid engine install xla (${fitting.name})`;
    return { name, state: 'warning', text: 'none is installed for the GPUs here', remedy };
  }
  if (named !== undefined && (await runtime.files.status(named).catch(() => undefined))?.kind !== 'file') {
    const remedy = 'name the file of the plugin by its whole path, or unset the variable';
    return { name, state: 'failed', text: `PRUNEGRID_XLA_PLUGIN: there is no file ${named}`, remedy };
  }
  const beside = named === undefined ? join(file, 'nvidia') : join(dirname(file), '../../nvidia');
  const there = await Promise.all(
    LIBRARIES.map((folder) => runtime.files.status(join(beside, folder)).catch(() => undefined)),
  );
  const libraries = LIBRARIES.filter((_, i) => there[i]).map((folder) => join(beside, folder));
  const text = libraries.length === 0 ? 'no libraries of NVIDIA beside it' : `with ${libraries.join(', ')}`;
  return { name, state: 'ok', text: `${file}, ${text}`, data: { file, libraries } };
}

async function step(
  { name: engine, parts }: ListedEngine,
  { named, fitting }: Accelerator,
  { runtime, program }: CommandEnvironment,
): Promise<Finding> {
  const name = `engine ${engine}`;
  // Only the default engine must be there: the others are installed by those who want them.
  const state = engine === DEFAULT_ENGINE ? 'failed' : 'warning';
  const missing = parts.filter(({ fits, installed }) => fits && !installed);
  const remedy = `prunegrid engine install ${engine}`;
  if (missing.length > 0) {
    const names = missing.map((part) => part.name).join(', ');
    const text = `not installed: ${names}`;
    return engine === DEFAULT_ENGINE || named !== undefined || fitting.name !== 'cpu'
      ? { name, state, text, remedy }
      : { name, state: 'ok', text: `${text}; on a machine without an accelerator it is for tests` };
  }
  try {
    const output = await runtime.processes.run(runtime.processes.node, [program, 'doctor', '--step', engine], '.');
    const timed = JSON.parse(output) as TimedStep;
    const { version, device, firstStepSeconds, stepMs } = timed;
    const text = `${version}, ${device}: a step of LeNet-5, batch 128, takes ${stepMs.toFixed(stepMs < 10 ? 2 : 0)} ms, the first one ${firstStepSeconds.toFixed(1)} s`;
    return { name, state: 'ok', text, data: { ...timed } };
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    const reason = stderr.trim().split('\n').at(-1) || message.split('\n')[0];
    return { name, state, text: `makes no step: ${reason.replace(/^prunegrid: /, '')}`, remedy };
  }
}
