import { join } from 'node:path';

import { quoted } from '../shell.js';
import type { SlurmKeys } from './keys.js';

/** A file's name in an option of sbatch, in which `%` begins a pattern. */
export const literal = (path: string): string => path.replaceAll('%', '%%');

/** Returns the line of an option in a script, or none if the option has no value. */
const option = (name: string, value: string | number | undefined): string[] =>
  value === undefined ? [] : [`#SBATCH --${name}=${/\s/.test(String(value)) ? `"${value}"` : value}`];

const placeOf = ({
  partition,
  account,
  qos,
  constraint,
  time,
  memory,
  flags,
}: Omit<SlurmKeys['coordinator'], 'cpus'>) => [
  ...option('partition', partition),
  ...option('account', account),
  ...option('qos', qos),
  ...option('constraint', constraint),
  ...option('time', time),
  ...option('mem', memory),
  ...flags.map((flag) => `#SBATCH ${flag}`),
];

/** Returns the path of the trainers' script, in the folder of a launch. */
export const trainersFile = (folder: string): string => join(folder, 'trainers.sh');

export interface TrainersScript {
  /** What the jobs are called. */
  name: string;
  keys: SlurmKeys;
  trainers: number;
  threads: number;
  /** Absolute path of the folder of the logs. */
  logs: string;
  /** Absolute path of the script itself, which it names for those who read it. */
  file: string;
  /** The words of the command that becomes a trainer. */
  command: readonly string[];
}

/** Returns the script of an array of trainers, one task each. A person can read, change and submit it. */
export function trainersScript({ name, keys, trainers, threads, logs, file, command }: TrainersScript): string {
  return `${[
    '#!/bin/bash',
    `# The trainers of ${name}, one task each. prunegrid submits this script; by hand: sbatch ${quoted(file)}`,
    ...option('job-name', `prunegrid-${name}`),
    ...option('array', `1-${trainers}`),
    ...option('output', `${literal(logs)}/slurm-%A_%a.log`),
    '#SBATCH --open-mode=append',
    ...option('cpus-per-task', keys.cpus ?? threads),
    ...option('gres', keys.gres),
    ...placeOf(keys),
    '# A task that loses its node, or its place to another job, goes back into the queue alone.',
    '#SBATCH --requeue',
    '# Before the time limit a trainer is told to leave, so that nothing of its work is lost.',
    `#SBATCH --signal=B:TERM@${keys.leaveBefore}`,
    '',
    ...keys.setup,
    '# The trainer takes the place of this shell, so that signals reach it.',
    `exec ${command.map(quoted).join(' ')}`,
  ].join('\n')}\n`;
}

export interface CoordinatorScript {
  name: string;
  keys: SlurmKeys;
  /** Absolute path of the file to which the coordinator prints. */
  log: string;
  /** Absolute path of the script itself. */
  file: string;
  /** The words of the command that starts or resumes the work. It ends with 130 when it was interrupted and saved. */
  command: readonly string[];
}

/** Returns the script of a coordinator, which goes back into the queue as often as its time is over. */
export function coordinatorScript({ name, keys, log, file, command }: CoordinatorScript): string {
  const { coordinator, leaveBefore, setup } = keys;
  const { cpus, ...place } = coordinator;
  const { partition, account, qos, time } = keys;
  return `${[
    '#!/bin/bash',
    `# The coordinator of ${name}. It submits its trainers by itself. By hand: sbatch ${quoted(file)}`,
    ...option('job-name', `prunegrid-${name}-coordinator`),
    ...option('output', literal(log)),
    '#SBATCH --open-mode=append',
    ...option('cpus-per-task', cpus),
    ...placeOf({
      ...place,
      partition: place.partition ?? partition,
      account: place.account ?? account,
      qos: place.qos ?? qos,
      time: place.time ?? time,
    }),
    '# After the loss of its node the job starts again, and goes on with what was saved.',
    '#SBATCH --requeue',
    `#SBATCH --signal=B:USR1@${leaveBefore}`,
    '',
    ...setup,
    '',
    '# Bash handles a signal only while it waits, so the coordinator runs in the background.',
    'over=no',
    `trap 'over=yes; kill -TERM "$coordinator"' USR1`,
    `trap 'kill -TERM "$coordinator"' TERM INT`,
    `${command.map(quoted).join(' ')} &`,
    'coordinator=$!',
    'wait "$coordinator"',
    'code=$?',
    '# A signal ends the wait before the coordinator has saved everything.',
    'while kill -0 "$coordinator" 2>/dev/null; do',
    '  wait "$coordinator"',
    '  code=$?',
    'done',
    '# The time is over and the work is saved: the same job goes on with it in its next turn.',
    'if [ "$over" = yes ] && [ "$code" = 130 ]; then',
    '  scontrol requeue "$SLURM_JOB_ID"',
    '  sleep 60',
    'fi',
    'exit "$code"',
  ].join('\n')}\n`;
}

/** Writes rising numbers as an array's list: `1-3,7`. */
export function listOf(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const number of numbers) {
    const last = runs.at(-1);
    if (last && last[1] === number - 1) last[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(',');
}
