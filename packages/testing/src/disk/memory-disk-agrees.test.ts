import { nodeHost } from '@prunegrid/core/node';
import type { Files, OpenMode } from '@prunegrid/core/runtime';
import fc from 'fast-check';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { MemoryDisk } from './memory-disk.js';

type Operation =
  | { kind: 'write'; mode: OpenMode; path: string; position: number; text: string }
  | { kind: 'truncate'; path: string; length: number }
  | { kind: 'rename'; path: string; to: string }
  | { kind: 'read' | 'list' | 'status' | 'makeFolder' | 'claimFolder' | 'remove' | 'touch'; path: string };

const path = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    kind: fc.constant('write' as const),
    mode: fc.constantFrom<OpenMode>('read', 'update', 'create', 'replace'),
    path,
    position: fc.nat(8),
    text: fc.string({ maxLength: 8 }),
  }),
  fc.record({ kind: fc.constant('truncate' as const), path, length: fc.nat(12) }),
  fc.record({ kind: fc.constant('rename' as const), path, to: path }),
  fc.record({
    kind: fc.constantFrom('read', 'list', 'status', 'makeFolder', 'claimFolder', 'remove', 'touch'),
    path,
  }),
);

it('does what the file system of this machine does, whatever is asked of it', async () => {
  const disk = new MemoryDisk({ clock: nodeHost.clock });
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 25 }), async (operations) => {
      const outcomes = [];
      for (const files of [nodeHost.files, disk]) {
        const folder = await files.makeTemporaryFolder('prunegrid-agrees-');
        const outcome = [];
        for (const each of operations) outcome.push(await outcomeOf(files, folder, each));
        outcomes.push([...outcome, await treeOf(files, folder)]);
        await files.remove(folder);
      }
      expect(outcomes[1]).toEqual(outcomes[0]);
    }),
    { seed: 17, numRuns: 150 },
  );
});

/** Returns the result of an operation, or the code of the error that it throws. */
async function outcomeOf(files: Files, folder: string, operation: Operation): Promise<unknown> {
  const at = join(folder, operation.path);
  try {
    switch (operation.kind) {
      case 'write':
        return await writeTo(files, at, operation);
      case 'truncate': {
        const handle = await files.open(at, 'update');
        return await handle.truncate(operation.length).finally(() => handle.close());
      }
      case 'rename':
        return await files.rename(at, join(folder, operation.to));
      case 'read':
        return (await files.read(at)).toString();
      case 'status': {
        const { kind, size } = (await files.status(at)) ?? {};
        return { kind, size };
      }
      default:
        return await files[operation.kind](at);
    }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

async function writeTo(
  files: Files,
  at: string,
  { mode, position, text }: { mode: OpenMode; position: number; text: string },
): Promise<void> {
  const handle = await files.open(at, mode);
  await handle.write(Buffer.from(text), position).finally(() => handle.close());
}

/** Returns all files and folders with their contents. */
async function treeOf(files: Files, folder: string): Promise<unknown> {
  const names = await files.list(folder);
  return Promise.all(
    names.map(async (name) => {
      const at = join(folder, name);
      const isFile = (await files.status(at))?.kind === 'file';
      return [name, isFile ? (await files.read(at)).toString() : await treeOf(files, at)];
    }),
  );
}
