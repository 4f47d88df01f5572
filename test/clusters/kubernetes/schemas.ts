import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ensureKubernetes } from '../../environment/python.mjs';

/** The oldest version of Kubernetes whose fields the manifests may have, and the newest that the schemas are of. */
const VERSIONS = ['1.29', '1.37'];

/**
 * Returns a function that says what Kubernetes' own schemas find wrong with manifests in YAML, fields that it does not know
 * included; an empty text if nothing is.
 */
export async function schemas(): Promise<(manifests: string) => string> {
  const validator = (await ensureKubernetes(console.log)).bin('kubernetes-validate');
  return (manifests) => {
    const folder = mkdtempSync(join(tmpdir(), 'prunegrid-manifests-'));
    try {
      const file = join(folder, 'manifests.yaml');
      writeFileSync(file, manifests);
      const versions = VERSIONS.flatMap((version) => ['-k', version]);
      const { status, stdout, stderr } = spawnSync(validator, ['--strict', ...versions, file], { encoding: 'utf8' });
      // Every manifest must have been held against every version.
      const passed = stdout.match(/^INFO .* passed for resource /gm)?.length ?? 0;
      const wanted = VERSIONS.length * (manifests.match(/^kind: /gm)?.length ?? 0);
      if (status === 0 && stderr === '' && passed === wanted) return '';
      return `${passed} of ${wanted} passed\n${stdout}${stderr}`;
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
}
