import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { writeBytes } from '@prunegrid/core/files';
import { nodeHost } from '@prunegrid/core/node';
import { type CompileFlags, type PjrtClient, PjrtError, type PjrtExecutable } from '@prunegrid/pjrt';

/** The version of the files. Each version has a folder of its own, because several of prunegrid may share the cache. */
const FOLDER = 'executables-v1';
const HASH_BYTES = 32;

/**
 * Compiles programs, and keeps the executables in files, because compiling takes seconds and loading milliseconds. An
 * executable is found by the hash of its program, of the flags and of what it depends on. A file begins with the hash of
 * what follows: a damaged one, or one that the plugin refuses, is compiled again.
 */
export class Executables {
  private readonly compiled = new Map<string, Promise<PjrtExecutable>>();

  /**
   * @param cache prunegrid's cache folder
   * @param circumstances what executables depend on besides their program: the plugin, the device and the processor
   */
  constructor(
    private readonly client: PjrtClient,
    private readonly cache: string,
    private readonly circumstances: readonly string[],
    private readonly flags: CompileFlags,
  ) {}

  /** Returns the executable of a program. Throws PjrtError with the compiler's message. */
  find(program: string): Promise<PjrtExecutable> {
    let executable = this.compiled.get(program);
    if (!executable) {
      executable = this.provide(program);
      this.compiled.set(program, executable);
      // What failed for want of memory may succeed the next time.
      executable.catch(() => this.compiled.delete(program));
    }
    return executable;
  }

  private async provide(program: string): Promise<PjrtExecutable> {
    const key = createHash('sha256')
      .update(JSON.stringify([...this.circumstances, this.flags]))
      .update(program)
      .digest('hex');
    const file = join(this.cache, 'pjrt', FOLDER, key);
    const kept = await read(file);
    if (kept) {
      try {
        return await this.client.load(kept);
      } catch (error) {
        if (!(error instanceof PjrtError)) throw error;
      }
    }
    const executable = await this.client.compile(program, this.flags);
    await keep(file, executable);
    return executable;
  }
}

/** Returns what was kept in a file, unless it is not there or damaged. */
async function read(file: string): Promise<Uint8Array | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch {
    // It is compiled instead, whatever the reason.
    return undefined;
  }
  const content = bytes.subarray(HASH_BYTES);
  return hashOf(content).equals(bytes.subarray(0, HASH_BYTES)) ? content : undefined;
}

/** Keeps an executable. Where that is not possible, the next process compiles the program again. */
async function keep(file: string, executable: PjrtExecutable): Promise<void> {
  try {
    const content = executable.serialize();
    await nodeHost.files.makeFolder(dirname(file));
    await writeBytes(nodeHost, file, [hashOf(content), content]);
  } catch {
    // The executable is used all the same.
  }
}

const hashOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
