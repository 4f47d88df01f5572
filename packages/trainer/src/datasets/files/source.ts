import { Failure } from '@prunegrid/core/failure';
import { basename } from 'node:path';

import type { DatasetChoice } from '../choice.js';
import type { Dataset } from '../dataset.js';
import type { DataHost } from '../host.js';
import { loadPictures } from '../pictures/load.js';
import { cutParts } from '../splits.js';
import type { PartName } from './arrays.js';
import { labelled, type RawPart } from './examples.js';
import { type DataFile, fingerprintOf } from './fingerprint.js';
import { openData, type OpenedData, openPart, type PartSource } from './opened.js';

/** Parts that can come from files of their own. */
const separate = ['validation', 'test'] as const;

/** The files of a choice: the main one, and those of single parts. */
export interface ChosenFiles extends Partial<Record<(typeof separate)[number], OpenedData>> {
  main: OpenedData;
}

/** Opens every file that a choice names. */
export async function openChoice(choice: DatasetChoice, host: DataHost): Promise<ChosenFiles> {
  const chosen: ChosenFiles = { main: await openData(choice.name, choice, host) };
  for (const part of separate) {
    const path = choice[part];
    if (typeof path === 'string') chosen[part] = await openPart(path, choice, host);
  }
  return chosen;
}

/** Returns every file that a choice reads, and what it holds. */
export function filesOf({ main, ...others }: ChosenFiles): DataFile[] {
  const ofParts = separate.flatMap((part) =>
    (others[part]?.files ?? []).map(({ role, path }) => ({ role: `${part}: ${role}`, path })),
  );
  return [...main.files, ...ofParts];
}

/**
 * Loads a data set of files: arrays into memory, and of pictures where each of them lies.
 * @throws {Failure} `input`, which names the file and the remedy, if they cannot be read or do not fit together
 */
export async function loadFiles(choice: DatasetChoice, host: DataHost, chosen?: ChosenFiles): Promise<Dataset> {
  const opened = chosen ?? (await openChoice(choice, host));
  const { main } = opened;
  if (!main.parts.includes('training')) {
    throw new Failure(
      'input',
      `${main.where}: has a ${main.parts.join(' and a ')} part only: name the file to train on`,
    );
  }
  const { sources, origin, cut } = sourcesOf(opened, choice);
  const loaded = 'pictures' in main ? loadPictures : loadArrays;
  const dataset = await loaded(sources, cut, host);
  return {
    name: choice.name,
    ...dataset,
    origin: { ...(dataset.origin as NonNullable<Dataset['origin']>), ...origin },
    hash: choice.sha256 ?? (await fingerprintOf(filesOf(opened), host.files)).sha256,
  };
}

/**
 * Returns the source of each part that needs not be cut off, where those of files of their own come from for the user,
 * and the choice without these files.
 */
function sourcesOf(chosen: ChosenFiles, choice: DatasetChoice) {
  const { main } = chosen;
  const sources: Partial<Record<PartName, PartSource>> = { training: { data: main, part: 'training' } };
  const origin: Partial<Dataset['origin']> = {};
  const cut = { ...choice };
  for (const part of separate) {
    const other = chosen[part];
    if (other) {
      sources[part] = { data: other, part: other.parts.includes(part) ? part : other.parts[0] };
      origin[part] = basename(other.where);
      cut[part] = undefined;
    } else if (main.parts.includes(part)) {
      sources[part] = { data: main, part };
    }
  }
  return { sources, origin, cut };
}

async function loadArrays(
  sources: Partial<Record<PartName, PartSource>>,
  choice: DatasetChoice,
): Promise<Omit<Dataset, 'name' | 'hash'>> {
  const raw: Partial<Record<PartName, RawPart>> = {};
  for (const [name, { data, part }] of Object.entries(sources) as [PartName, PartSource][]) {
    if ('pictures' in data) {
      throw new Failure('input', `${data.where}: holds pictures, ${choice.name} arrays: give all parts the same`);
    }
    raw[name] = await data.read(part);
  }
  const { parts, ...properties } = labelled(raw, choice);
  const { training, validation, test } = parts;
  if (!training) throw new Failure('input', `${choice.name}: has no examples to train on`);
  return { ...properties, ...cutParts(basename(choice.name), { training, validation, test }, choice) };
}
