import { columns } from '@prunegrid/core/text/columns';
import type { EnginePart } from '@prunegrid/trainer/engines';

/** An engine, and what can be installed for it. */
export interface ListedEngine {
  name: string;
  parts: ListedPart[];
}

interface ListedPart extends Omit<EnginePart, 'state' | 'fits' | 'install' | 'remove'> {
  installed: boolean;
  /** What it takes on the disk now. */
  bytes: number;
  /** Whether this machine needs it. */
  fits: boolean;
}

/** Returns a size, such as `1.6 GB` or `63 MB`. */
export const sizeText = (bytes: number): string =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`;

/** The engines, what is installed for them and where. Plain text without a newline at the end. */
export function renderEngines(engines: readonly ListedEngine[], cacheFolder: string): string {
  const rows = engines.flatMap(({ name, parts }) =>
    parts.length === 0
      ? [[name, '-', '-', 'needs nothing', '-', '-']]
      : parts.map((part) => [
          name,
          part.name,
          part.version || '-',
          stateOf(part),
          part.bytes > 0 ? sizeText(part.bytes) : '-',
          part.downloadBytes > 0 ? sizeText(part.downloadBytes) : '-',
        ]),
  );
  const titles = engines.flatMap(({ name, parts }) =>
    parts.map((part) => `${name} ${part.name}: ${part.title}${part.installed ? `, in ${part.folder}` : ''}`),
  );
  return [
    ...columns([['engine', 'part', 'version', 'state', 'on disk', 'download'], null, ...rows]),
    '',
    ...titles,
    '',
    `All of it is below ${cacheFolder}.`,
  ].join('\n');
}

function stateOf({ installed, bytes, fits, downloadBytes }: ListedPart): string {
  if (installed) return 'installed';
  if (bytes > 0 && downloadBytes > 0) return 'unfinished';
  return fits ? 'for this machine' : 'not installed';
}
