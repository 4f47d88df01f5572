import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Failure } from '@prunegrid/core/failure';
import { closest } from 'fastest-levenshtein';

const maxBytes = 64 * 1024;

/** The text of an experiment's or a sweep's YAML file. Throws Failure `input` where it is none, with the remedy. */
export async function readSource(file: string): Promise<string> {
  return decode(await readStart(file), file);
}

/** Reads by stream, not by size, so that a pipe works and an endless file does no harm. */
async function readStart(file: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of createReadStream(file, { end: maxBytes })) chunks.push(chunk as Buffer);
  } catch (error) {
    throw await unreadable(file, error);
  }
  return Buffer.concat(chunks);
}

function decode(bytes: Buffer, file: string): string {
  if (bytes.length > maxBytes) {
    throw new Failure('input', `${file}: larger than ${maxBytes / 1024} KiB, so not an experiment; name its YAML file`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new Failure('input', `${file}: not UTF-8 text; save it as UTF-8`, { cause: error });
  }
}

async function unreadable(file: string, cause: unknown): Promise<Failure> {
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return new Failure('input', `${file}: no such file${await neighbour(file)}`, { cause });
    case 'EISDIR':
      return new Failure('input', `${file}: a folder; name a YAML file in it`, { cause });
    case 'EACCES':
      return new Failure('input', `${file}: may not be read; check its permissions`, { cause });
    default:
      return new Failure(
        'input',
        `${file}: cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause },
      );
  }
}

async function neighbour(file: string): Promise<string> {
  const entries = await readdir(dirname(file)).catch((): string[] => []);
  const experiments = entries.filter((entry) => /\.ya?ml$/.test(entry));
  if (experiments.length === 0) return '; give the path of an experiment, such as experiments/lenet5-mnist.yaml';
  return `; did you mean ${join(dirname(file), closest(basename(file), experiments))}?`;
}
