import type { Host } from '@prunegrid/core/runtime';

import { type Environment, trackingAddress } from './address.js';
import { patientBackoff } from './backoff.js';
import { MlflowClient } from './client.js';
import { experimentName } from './sync.js';

/** The milliseconds after which a server that says nothing does not answer. */
const TIMEOUT_MS = 5000;

/** Asks a server for the experiment of runs, once. Throws Failure if it does not answer, refuses, or is no MLflow server. */
export async function checkTracking(
  url: string,
  environment: Environment,
  host: Pick<Host, 'clock' | 'random'>,
): Promise<void> {
  const backoff = { ...patientBackoff(host), attempts: 1 };
  const client = new MlflowClient(trackingAddress(url, environment), {
    ...{ clock: host.clock, backoff, timeoutMs: TIMEOUT_MS },
  });
  await client.experimentByName(experimentName(environment));
}
