import type { JournalFormat } from '../journal/format.js';
import type { Recorded } from '../journal/encoding.js';
import type { RunStatus } from './client.js';
import { cutTo, safeKey, tagLength, type Batch, type Entry } from './limits.js';

/** The tag by which a run is found again on a server that has it already. */
export const runIdTag = 'prunegrid.run_id';

/** What one journal record means in MLflow. */
export interface MlflowUpdate extends Batch {
  /** Set where the record sets a run going again that had ended. */
  again?: true;
  /** Present where the record ends the run: what is uploaded (names in its folder) before its status is set. */
  end?: RunEnd;
  /** A tag that takes the MLflow id of another run, where the server has it in the same experiment. */
  link?: { tag: string; runId: string };
}

export interface RunEnd {
  status: RunStatus;
  /** Unix milliseconds. */
  endTime: number;
  artifacts: string[];
}

/** How the records of a journal become one MLflow run. */
export interface Mapping<Event extends { type: string }, State> {
  /** The kind of journal whose records are mapped. */
  journal: JournalFormat<Event>;
  /** The type of the record that begins each such journal. */
  begins: Event['type'];
  /** Who the first record says that the run is, and of which run it is a part; null for any other record. */
  identity(record: Recorded<Event>): { runId: string; parentRunId?: string } | null;
  /** What a record means depends on nothing but the records before it, which this sums up: mapping them again gives the same. */
  initial: State;
  map(record: Recorded<Event>, before: State): { update: MlflowUpdate; after: State };
}

export type TagValues = Record<string, string | number | boolean>;

export const tagsOf = (values: TagValues): Entry[] =>
  Object.entries(values).map(([key, value]) => ({ key: safeKey(key), value: cutTo(tagLength, String(value)) }));
