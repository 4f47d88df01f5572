import type { Fault } from '../faults.js';

/** A change of the text of a module. */
export interface Edit {
  /** The module as it is loaded, below packages/. */
  module: string;
  /** What it has exactly once, and what takes its place. */
  from: string;
  to: string;
}

/** Code that is broken on purpose, which the simulation must find. */
export interface Mutation {
  name: string;
  edits: readonly Edit[];
  /** The scenario that finds it: a seed, and the faults if they are not those that are drawn. */
  seed: number;
  faults?: readonly Fault[];
}

const journal = 'coordinator/dist/journal/journal.js';
const write = 'core/dist/files/write.js';
const cluster = 'coordinator/dist/cluster';
const training = 'coordinator/dist/training';

/** The edits are of what TypeScript makes of the modules, so they are held against it whenever they are applied. */
export const mutations: readonly Mutation[] = [
  {
    name: 'fence-removed',
    edits: [{ module: journal, from: 'await this.beforeWrite();', to: '' }],
    seed: 3,
    faults: [{ at: 1500, kind: 'freeze', victim: 'coordinator', lasts: 60_500 }],
  },
  {
    name: 'checksum-of-snapshots-skipped',
    edits: [{ module: `${training}/snapshot.js`, from: 'if (!W || !intact) {', to: 'if (!W) {' }],
    seed: 246,
  },
  {
    name: 'checksum-of-checkpoints-skipped',
    edits: [{ module: `${training}/model-file.js`, from: 'if (intact)', to: 'if (true)' }],
    seed: 200,
  },
  {
    name: 'stale-messages-accepted',
    edits: [
      { module: `${cluster}/broadcast.js`, from: "while (trainer.state.name === 'leased') {", to: 'while (false) {' },
      {
        module: `${cluster}/broadcast.js`,
        from: "return trainer.state.name === 'idle';",
        to: "return trainer.state.name !== 'gone';",
      },
      { module: `${cluster}/trainer-state.js`, from: "if (state.name !== 'idle')", to: "if (state.name === 'gone')" },
    ],
    seed: 6,
  },
  {
    name: 'sync-of-files-left-out',
    edits: [{ module: write, from: 'await handle.sync();', to: '' }],
    seed: 2,
  },
  {
    name: 'sync-of-folders-left-out',
    edits: [{ module: write, from: 'await files.syncFolder(folder);', to: '' }],
    seed: 2,
  },
  {
    name: 'sync-of-the-journal-left-out',
    edits: [{ module: journal, from: 'await this.handle.sync();', to: '' }],
    seed: 2,
  },
  {
    name: 'replayed-records-added',
    edits: [
      {
        module: `${training}/resume-state.js`,
        from: 'const known = again.shift();',
        to: 'const known = again.shift() && undefined;',
      },
    ],
    seed: 1013,
  },
  {
    name: 'record-after-a-lost-one',
    edits: [{ module: `${training}/training.js`, from: 'Promise.all([told, this.settled()])', to: 'told' }],
    seed: 1013,
  },
  {
    name: 'end-before-the-beginning',
    edits: [{ module: `${training}/job.js`, from: 'opened.journal.nextSeq > 0', to: 'true' }],
    seed: 1139,
  },
  {
    name: 'end-undone-by-its-tidying',
    edits: [{ module: `${training}/job.js`, from: 'await remove()', to: 'await remove(); await Promise.resolve()' }],
    seed: 101406,
  },
  {
    name: 'birth-of-writers-ignored',
    edits: [
      {
        module: 'core/dist/files/temporary.js',
        from: 'birth === undefined || birth === birthOf(processes, pid)',
        to: 'true',
      },
    ],
    seed: 1,
  },
];
