import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A stage of a Containerfile. */
export interface Stage {
  name: string;
  /** The image or the stage that it begins with. */
  from: string;
  instructions: { name: string; text: string }[];
}

export const CONTAINERFILE = fileURLToPath(new URL('../../Containerfile', import.meta.url));

/** Reads the stages of the repository's Containerfile, without comments and with each instruction on one line. */
export function readStages(): Stage[] {
  const lines = readFileSync(CONTAINERFILE, 'utf8')
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replaceAll(/\s*\\\n\s*/g, ' ')
    .split('\n');
  const stages: Stage[] = [];
  for (const line of lines) {
    const [, name, text] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    if (name === undefined) throw new Error(`no instruction: ${line}`);
    const [, from, stage] = /^(\S+) AS (\S+)$/.exec(text) ?? [];
    if (name === 'FROM') stages.push({ name: stage, from, instructions: [] });
    else stages.at(-1)?.instructions.push({ name, text });
  }
  return stages;
}

/** Returns the instructions of a stage and of those that it begins with, in order. */
export function instructionsOf(stages: readonly Stage[], name: string): Stage['instructions'] {
  const stage = stages.find((each) => each.name === name);
  if (!stage) return [];
  return [...instructionsOf(stages, stage.from), ...stage.instructions];
}
