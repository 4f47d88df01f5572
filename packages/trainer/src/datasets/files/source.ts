import { Failure } from '@prunegrid/core/failure';
import { basename } from 'node:path';

import type { DatasetChoice } from '../choice.js';
import type { Dataset } from '../dataset.js';
import type { DataHost } from '../host.js';
import { cutParts } from '../splits.js';
import type { PartName } from './arrays.js';
import { labelled, type RawPart } from './examples.js';
import { type DataFile, fingerprintOf } from './fingerprint.js';
import { openData, type OpenedData, openPart } from './opened.js';

/** Parts that can come from files of their own. */
const separate = ['validation', 'test'] as const;

/** The files of a choice: the main one, and those of single parts. */
interface ChosenFiles extends Partial<Record<(typeof separate)[number], OpenedData>> {
  main: OpenedData;
}

async function openChoice(choice: DatasetChoice, host: DataHost): Promise<ChosenFiles> {
  const chosen: ChosenFiles = { main: await openData(choice.name, choice, host) };
  for (const part of separate) {
    const path = choice[part];
    if (typeof path === 'string') chosen[part] = await openPart(path, choice, host);
  }
  return chosen;
}

/** Returns every file that a choice reads, and what it holds. */
export const filesOf = async (choice: DatasetChoice, host: DataHost): Promise<DataFile[]> =>
  allFiles(await openChoice(choice, host));

function allFiles({ main, ...others }: ChosenFiles): DataFile[] {
  const ofParts = separate.flatMap((part) =>
    (others[part]?.files ?? []).map(({ role, path }) => ({ role: `${part}: ${role}`, path })),
  );
  return [...main.files, ...ofParts];
}

/**
 * Loads a data set of files into memory.
 * @throws {Failure} `input`, which names the file and the remedy, if they cannot be read or do not fit together
 */
export async function loadFiles(choice: DatasetChoice, host: DataHost): Promise<Dataset> {
  const chosen = await openChoice(choice, host);
  const { main } = chosen;
  if (!main.parts.includes('training')) {
    throw new Failure(
      'input',
      `${main.where}: has a ${main.parts.join(' and a ')} part only: name the file to train on`,
    );
  }
  const raw: Partial<Record<PartName, RawPart>> = { training: await main.read('training') };
  const origin: Partial<Dataset['origin']> = {};
  const own = { ...choice };
  for (const part of separate) {
    const other = chosen[part];
    if (other) {
      raw[part] = await other.read(other.parts.includes(part) ? part : 'training');
      origin[part] = basename(other.where);
      own[part] = undefined;
    } else if (main.parts.includes(part)) {
      raw[part] = await main.read(part);
    }
  }
  const { parts, ...properties } = labelled(raw, choice);
  const { training, validation, test } = parts;
  if (!training) throw new Failure('input', `${main.where}: has no examples to train on`);
  const cut = cutParts(basename(choice.name), { training, validation, test }, own);
  return {
    name: choice.name,
    ...properties,
    ...cut,
    origin: { ...(cut.origin as NonNullable<Dataset['origin']>), ...origin },
    hash: choice.sha256 ?? (await fingerprintOf(allFiles(chosen), host.files)).sha256,
  };
}
