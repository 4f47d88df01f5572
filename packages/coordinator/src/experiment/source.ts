import { basename, dirname, join } from 'node:path';
import { Failure } from '@prunegrid/core/failure';
import type { Files, Host } from '@prunegrid/core/runtime';
import { closest } from 'fastest-levenshtein';

/** The list of a sweep of 10,000 trials with 400 bytes for each. */
const maxBytes = 4 * 1024 * 1024;

/**
 * Returns the text of an experiment's or a sweep's YAML file. Throws a Failure of kind `input`, with the remedy, if it
 * is not a text file.
 */
export async function readSource({ files }: Pick<Host, 'files'>, file: string): Promise<string> {
  return decode(await readStart(file, files), file);
}

/** Reads in pieces up to a limit, so that a pipe can be read and an endless file cannot exhaust the memory. */
async function readStart(file: string, files: Files): Promise<Buffer> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of files.readPieces(file, 0, maxBytes + 1)) pieces.push(piece);
  } catch (error) {
    throw await unreadable(file, files, error);
  }
  return Buffer.concat(pieces);
}

function decode(bytes: Buffer, file: string): string {
  if (bytes.length > maxBytes) {
    if (isNetwork(file)) throw notText(file);
    throw new Failure(
      'input',
      `${file}: larger than ${maxBytes / 1024 / 1024} MiB, so not an experiment; name its YAML file`,
    );
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw notText(file, error);
  }
}

const isNetwork = (file: string): boolean => /\.onnx$/i.test(file);

const notText = (file: string, cause?: unknown): Failure => {
  const problem = isNetwork(file)
    ? `a network, not an experiment: see it by prunegrid model show ${file}, and name it in an experiment, as "model: ./${basename(file)}"`
    : 'not UTF-8 text; save it as UTF-8';
  return new Failure('input', `${file}: ${problem}`, { cause });
};

async function unreadable(file: string, files: Files, cause: unknown): Promise<Failure> {
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return new Failure('input', `${file}: no such file${await neighbour(file, files)}`, { cause });
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

/** Returns a hint at the file that the user may have meant, as the end of a message. */
async function neighbour(file: string, files: Files): Promise<string> {
  const entries = await files.list(dirname(file)).catch((): string[] => []);
  const experiments = entries.filter((entry) => /\.ya?ml$/.test(entry));
  if (experiments.length === 0) return '; give the path of an experiment, such as experiments/lenet5-mnist.yaml';
  return `; did you mean ${join(dirname(file), closest(basename(file), experiments))}?`;
}
