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

/** The largest number of examples of a part of a data set: an epoch's steps must fit into the coordinator's memory. */
const MOST_EXAMPLES = 2 ** 28;
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
  requireParts(ready, first);
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

/** Throws JoinRefused unless the parts of a trainer's data set can be those of the first one's, or at least of any data set. */
function requireParts(ready: Ready, first: Ready | undefined): void {
  const partsOf = ({ trainingImages, validationImages, testImages }: Ready) =>
    [trainingImages, validationImages, testImages].join(', ');
  if (first && partsOf(ready) !== partsOf(first)) {
    throw new JoinRefused(
      `the parts of its data set have ${partsOf(ready)} examples, the first trainer's ${partsOf(first)}: install the same version on both`,
    );
  }
  const most = Math.max(ready.trainingImages, ready.validationImages, ready.testImages);
  if (most > MOST_EXAMPLES)
    throw new JoinRefused(`a part of its data set has ${most} examples, at most ${MOST_EXAMPLES} are taken`);
}

function requireJson(text: string | undefined): void {
  try {
    if (text !== undefined) JSON.parse(text);
  } catch {
    throw new JoinRefused('what it says of its data set is no JSON: install the same version on both');
  }
}
