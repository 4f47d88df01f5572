import { oneLine } from '@prunegrid/core/text/printable';
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
  /**
   * Hash of the data set that every trainer must have. If it is not known, every trainer must have the data set of the
   * first one that is admitted.
   */
  datasetHash?: string | undefined;
}

/** The largest number of characters of a name or a version that a trainer states. */
const LONGEST_NAME = 255;

/**
 * Returns what a trainer says of itself, in which nothing acts on a terminal. Throws JoinRefused if its versions differ
 * from the coordinator's.
 */
export function examineHello(hello: Hello, { version }: Requirements): Hello {
  const { protocolVersion, prunegridVersion } = hello;
  const cleaned = withPlainText(hello);
  if (protocolVersion === PROTOCOL_VERSION && prunegridVersion === version) return cleaned;
  throw new JoinRefused(
    `it runs prunegrid ${cleaned.prunegridVersion} (protocol ${protocolVersion}), the coordinator ${version} (protocol ${PROTOCOL_VERSION}): install the same version on both`,
  );
}

/**
 * Returns what a trainer says of what it has loaded, in which nothing acts on a terminal. Throws JoinRefused if its
 * results would differ from those of the other trainers.
 * @param first Ready message of the first trainer; undefined if there is none
 */
export function examineReady(
  { datasetDescription, ...given }: Ready,
  { workload, parameters, datasetHash }: Requirements,
  first: Ready | undefined,
): Ready {
  const ready = { ...withPlainText(given), ...(datasetDescription !== undefined && { datasetDescription }) };
  requireJson(datasetDescription);
  if (ready.parameters !== parameters) {
    throw new JoinRefused(
      `its ${workload.model} has ${ready.parameters} parameters, the coordinator's ${parameters}: install the same version on both`,
    );
  }
  const expected = datasetHash ?? first?.datasetHash;
  if (expected !== undefined && ready.datasetHash !== expected) {
    const whose = datasetHash === undefined ? "the first trainer's" : "the experiment's";
    throw new JoinRefused(
      `its data set (SHA-256 ${ready.datasetHash.slice(0, 12)}...) is not ${whose} (${expected.slice(0, 12)}...): give both the same files`,
    );
  }
  if (first && (ready.engine !== first.engine || ready.engineVersion !== first.engineVersion)) {
    throw new JoinRefused(
      `it computes with ${ready.engine} ${ready.engineVersion}, the first trainer with ${first.engine} ${first.engineVersion}: install the same version on both`,
    );
  }
  return ready;
}

/** Returns a message whose texts are of one line each. Throws JoinRefused if one of them is too long to be a name. */
function withPlainText<Message extends Hello | Omit<Ready, 'datasetDescription'>>(message: Message): Message {
  const entries = Object.entries(message).map(([name, value]: [string, unknown]) => {
    if (typeof value !== 'string') return [name, value] as const;
    if (value.length > LONGEST_NAME) {
      throw new JoinRefused(`its ${name} has ${value.length} characters, at most ${LONGEST_NAME} are taken`);
    }
    return [name, oneLine(value)] as const;
  });
  return Object.fromEntries(entries) as Message;
}

function requireJson(text: string | undefined): void {
  try {
    if (text !== undefined) JSON.parse(text);
  } catch {
    throw new JoinRefused('what it says of its data set is no JSON: install the same version on both');
  }
}
