import type { JournalFormat } from '../journal/format.js';
import type { Recorded } from '../journal/encoding.js';
import type { RunStatus } from './answers.js';
import { cutTo, safeKey, tagLength, type Batch, type Entry, type Metric } from './limits.js';

/** The tag by which a run is found on a server that already has it. */
export const runIdTag = 'prunegrid.run_id';

/** The meaning of one journal record in MLflow. */
export interface MlflowUpdate extends Batch {
  /** Set if the record resumes a run that had ended. */
  again?: true;
  /** Present if the record ends the run. */
  end?: RunEnd;
  /** A tag whose value is the MLflow id of another run, if the server has that run in the same experiment. */
  link?: { tag: string; runId: string };
  /** The data that the run is trained on. */
  dataset?: DatasetInput;
}

/** A data set in MLflow, which knows it by name and digest. */
export interface DatasetInput {
  name: string;
  /** At most 36 characters. */
  digest: string;
}

/** The network that a run leaves, as MLflow 3 lists it beside the runs. */
export interface ModelOutput {
  /** The network's name. */
  name: string;
  /** The name of the weights' file in the run folder. */
  weights: string;
  /** The metrics of the run that the model is compared by. Their step is that of the model. */
  metrics: Metric[];
}

export interface RunEnd {
  status: RunStatus;
  /** Unix milliseconds. */
  endTime: number;
  /** Names of files in the run folder that are uploaded before the status is set. */
  artifacts: string[];
  /** Present if the run leaves a pruned network. */
  model?: ModelOutput;
}

/** How the records of a journal are mapped to one MLflow run. */
export interface Mapping<Event extends { type: string }, State> {
  /** The kind of journal whose records are mapped. */
  journal: JournalFormat<Event>;
  /** The type of the first record of each such journal. */
  begins: Event['type'];
  /** Returns the run that the first record names and the run of which it is a part, or null for any other record. */
  identity(record: Recorded<Event>): { runId: string; parentRunId?: string } | null;
  /**
   * The state before the first record. The state depends only on the records so far, so a record always has the same
   * meaning.
   */
  initial: State;
  map(record: Recorded<Event>, before: State): { update: MlflowUpdate; after: State };
}

export type TagValues = Record<string, string | number | boolean>;

export const tagsOf = (values: TagValues): Entry[] =>
  Object.entries(values).map(([key, value]) => ({ key: safeKey(key), value: cutTo(tagLength, String(value)) }));
