import { Failure } from '@prunegrid/core/failure';

import { findingsOfEngines } from '../doctor/engines.js';
import { findingsOfMachine } from '../doctor/machine.js';
import { timeStep } from '../doctor/step.js';
import { type CommandEnvironment, print } from '../environment.js';
import { renderDoctor } from '../tables/doctor.js';

export interface DoctorOptions {
  json: boolean;
  /** The engine whose steps are timed in this process, for the process that looks at all of them. */
  step?: string;
}

/** The version of what `--json` prints. */
const VERSION = 1;

/** `prunegrid doctor`: prints what this machine has for training, and the remedies. Throws Failure if no run can work. */
export async function doctor({ json, step }: DoctorOptions, environment: CommandEnvironment): Promise<void> {
  if (step !== undefined) return timeStep(step, environment);
  const findings = [...(await findingsOfMachine(environment)), ...(await findingsOfEngines(environment))];
  print(environment, json ? JSON.stringify({ version: VERSION, findings }) : renderDoctor(findings));
  const failed = findings.filter(({ state }) => state === 'failed').map(({ name }) => name);
  if (failed.length > 0) {
    throw new Failure('environment', `no run can work here: ${failed.join(', ')}: the remedies are above`);
  }
}
