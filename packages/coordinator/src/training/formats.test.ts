import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { manifestFormat, manifestSchema, resultFormat, resultSchema, runEventSchema, runJournal } from './records.js';
import { modelFormat } from './model-file.js';
import { snapshotFormat, stateSchema } from './snapshot.js';

const page = readFileSync(new URL('../../../../docs/formats.md', import.meta.url), 'utf8');

/** The cells of the first table in the section with that heading, without the table's head. */
function tableIn(heading: string): string[][] {
  const section = page.split(/^#+ /m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| '));
  return rows.slice(2).map((row) => row.split('|').slice(1, -1));
}

/** What stands in backquotes. */
const codes = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code);
const fieldsIn = (heading: string) => tableIn(heading).flatMap(([field]) => codes(field));

describe('docs/formats.md', () => {
  it.each([
    ['manifest.json', manifestSchema],
    ['result.json', resultSchema],
    ['Snapshots', stateSchema],
  ] as const)('has exactly the fields of %s', (heading, { shape }) => {
    expect(fieldsIn(heading)).toEqual(Object.keys(shape));
  });

  it('has exactly the types of events and their fields', () => {
    const events = runEventSchema.options.map(({ shape }) => {
      const { type, ...fields } = shape;
      return [type.value, ...Object.keys(fields)];
    });
    expect(tableIn('The journal').map((row) => row.flatMap(codes))).toEqual(events);
  });

  it('has the version of each format', () => {
    const stated = tableIn('What lies on disk').map(([, format, version]) => [...codes(format), version.trim()]);
    for (const { name, version } of [manifestFormat, resultFormat, runJournal, modelFormat, snapshotFormat]) {
      expect(stated).toContainEqual([name, String(version)]);
    }
  });
});
