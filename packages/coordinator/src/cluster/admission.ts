import { type Hello, PROTOCOL_VERSION, type Ready, type Workload } from '@prunegrid/proto';

/**
 * Refusal of a trainer. Its message is sent to the trainer, which then leaves; the coordinator continues without it.
 */
export class JoinRefused extends Error {}

/** Requirements that every trainer must meet. */
export interface Requirements {
  version: string;
  workload: Workload;
  /** Number of parameters of the model. */
  parameters: number;
}

/** Throws JoinRefused if the trainer's versions differ from the coordinator's. */
export function examineHello({ protocolVersion, prunegridVersion }: Hello, { version }: Requirements): void {
  if (protocolVersion === PROTOCOL_VERSION && prunegridVersion === version) return;
  throw new JoinRefused(
    `it runs prunegrid ${prunegridVersion} (protocol ${protocolVersion}), the coordinator ${version} (protocol ${PROTOCOL_VERSION}): install the same version on both`,
  );
}

/**
 * Throws JoinRefused if the trainer's results would differ from those of the other trainers.
 * @param first Ready message of the first trainer; undefined if there is none
 */
export function examineReady(ready: Ready, { workload, parameters }: Requirements, first: Ready | undefined): void {
  if (ready.parameters !== parameters) {
    throw new JoinRefused(
      `its ${workload.model} has ${ready.parameters} parameters, the coordinator's ${parameters}: install the same version on both`,
    );
  }
  if (first && ready.datasetHash !== first.datasetHash) {
    throw new JoinRefused(
      `its data set (SHA-256 ${ready.datasetHash.slice(0, 12)}...) is not the first trainer's (${first.datasetHash.slice(0, 12)}...): give both the same files`,
    );
  }
  if (first && (ready.engine !== first.engine || ready.engineVersion !== first.engineVersion)) {
    throw new JoinRefused(
      `it computes with ${ready.engine} ${ready.engineVersion}, the first trainer with ${first.engine} ${first.engineVersion}: install the same version on both`,
    );
  }
}
