import { readJournal } from '@prunegrid/coordinator/journal/reading';
import { type JournalRecord, runJournal } from '@prunegrid/coordinator/training/records';
import { verifyFolder } from '@prunegrid/coordinator/verify';

import { FOLDER, type World } from './world.js';

/** What a run has left on the disk. */
export interface FinalState {
  isFinished: boolean;
  /** The tensors of the result. */
  model: Buffer | undefined;
  /** What is damaged, in one line. */
  problem: string | undefined;
  /** How often the run was resumed. */
  resumed: number;
}

/**
 * Looks at what a run has left on the disk.
 * @param won whether its coordinator has come to the end
 * @throws Error if the records are not those of a run that has finished once, epoch by epoch, or something is left behind
 */
export async function inspect(world: World, won: boolean): Promise<FinalState> {
  world.disk.mend();
  const left = world.disk.paths.filter((path) => isRubbish(path, won));
  // What a run has come to does not depend on anything that was not synced.
  if (won) world.forgetUnsynced();
  const { disk } = world;
  const problems: string[] = [];
  const host = world.hostOn('one');
  if (disk.paths.includes(`${FOLDER}/journal.jsonl`)) {
    await verifyFolder(host, FOLDER, ({ problem, repair }) => {
      if (problem !== undefined && repair === undefined) problems.push(problem);
    });
  }
  if (problems.length > 0) {
    if (problems[0].includes('\n') || !problems[0].includes(FOLDER)) throw new Error(`unclear: ${problems[0]}`);
    return { isFinished: won, model: undefined, problem: problems[0], resumed: 0 };
  }
  if (left.length > 0) throw new Error(`${left.join(', ')} are left behind`);
  if (!won) return { isFinished: false, model: undefined, problem: undefined, resumed: 0 };
  const records = await readJournal(host, FOLDER, runJournal);
  requireComplete(records);
  const file = await disk.read(`${FOLDER}/model.safetensors`);
  const resumed = records.filter(({ type }) => type === 'run-resumed').length;
  return { isFinished: true, model: tensorsIn(file), problem: undefined, resumed };
}

/** Whether a file should have been removed. What a run has begun to write, and its snapshots, are looked after until it has ended. */
const isRubbish = (path: string, won: boolean): boolean =>
  /\.lock$|^\/tmp\//.test(path) || (won && /\.tmp$|snapshot-[ab]\.safetensors$/.test(path));

/** Returns the tensors of a safetensors file. */
const tensorsIn = (file: Buffer): Buffer => file.subarray(8 + Number(file.readBigUInt64LE(0)));

/** Throws an error if the records are not those of a run that has finished once, epoch by epoch. */
function requireComplete(records: readonly JournalRecord[]): void {
  const finished = records.filter(({ type }) => type === 'run-finished');
  if (finished.length !== 1 || records.at(-1)?.type !== 'run-finished') {
    throw new Error(`the journal has ${finished.length} ends, and ${records.at(-1)?.type} is its last record`);
  }
  const epochs = records.flatMap((record) => (record.type === 'epoch-finished' ? [record] : []));
  if (!epochs.every(({ totalEpochs }, i) => totalEpochs === i + 1))
    throw new Error('the journal has an epoch twice, or not at all');
}
