import { describe, expect, it } from 'vitest';

import { kubernetesKeys } from '../keys.js';
import { coordinatorAccount, coordinatorFiles, coordinatorJob } from './coordinator.js';

const podOf = (paths: string[], keys: object = {}) => ({
  name: 'prunegrid-x',
  keys: kubernetesKeys.parse({ name: 'kubernetes', image: 'registry/prunegrid:1', ...keys }),
  resume: (home: string) => ['sweep', 'resume', home],
  afresh: {
    files: paths.map((path) => ({ path, text: `# ${path}\n` })),
    begin: (file: string, home: string) => ['sweep', 'run', file, '--out', home, '--set', "name=it's"],
    begun: 'sweep.json',
  },
});

const scriptOf = (paths: string[]) => {
  const text = JSON.stringify(coordinatorJob(podOf(paths)));
  return (JSON.parse(text) as { spec: { template: { spec: { containers: { command: string[] }[] } } } }).spec.template
    .spec.containers[0].command[2];
};

// Whether Kubernetes knows all fields, and whether the script works, is tested in test/clusters.
describe('the Job of a coordinator', () => {
  it('begins in its first turn, and goes on in every other one', () => {
    const lines = scriptOf(['/home/me/sweep.yaml', '/home/me/base.yaml']).split('\n');
    const at = (text: string) => lines.findIndex((line) => line.includes(text));
    expect(at('if [ -e /var/lib/prunegrid/prunegrid-x/sweep.json ]')).toBeGreaterThan(0);
    expect(lines[at('sweep resume')]).toMatch(
      /^ {2}exec prunegrid sweep resume .*prunegrid-x --listen "\$POD_IP:7411"$/,
    );
    expect(lines[at('sweep run')]).toMatch(
      /^exec prunegrid sweep run \/etc\/prunegrid\/sweep\.yaml --out .* --set 'name=it'\\''s' /,
    );
  });

  it.each([
    ['beside each other', ['/a/b/sweep.yaml', '/a/b/base.yaml'], ['sweep.yaml', 'base.yaml']],
    ['above', ['/a/b/sweep.yaml', '/a/base.yaml'], ['b/sweep.yaml', 'base.yaml']],
    ['elsewhere', ['/a/b/sweep.yaml', '/a/c/d/sweep.yaml'], ['b/sweep.yaml', 'c/d/sweep.yaml']],
    ['on another disk', ['/a/sweep.yaml', '/z/base.yaml'], ['a/sweep.yaml', 'z/base.yaml']],
  ])('has the files as they are, the base %s', (_title, paths, places) => {
    const items = places.map((path, i) => ({ key: `file-${i + 1}.yaml`, path }));
    expect(JSON.stringify(coordinatorJob(podOf(paths)))).toContain(JSON.stringify({ name: 'prunegrid-x', items }));
    const [configMap] = coordinatorFiles(podOf(paths));
    expect(configMap).toHaveProperty('data', { 'file-1.yaml': `# ${paths[0]}\n`, 'file-2.yaml': `# ${paths[1]}\n` });
  });

  it('has no probe that could restart it, and its Job ends only for what the user can put right', () => {
    const text = JSON.stringify(coordinatorJob(podOf(['/a/s.yaml', '/a/b.yaml'])));
    expect(text).not.toMatch(/livenessProbe|startupProbe/);
    expect(text).toContain('{"action":"FailJob","onExitCodes":{"operator":"In","values":[2,3]}}');
    expect(text).toContain('{"action":"Ignore","onExitCodes":{"operator":"In","values":[130]}}');
  });

  it('may read no secret', () => {
    const role = JSON.stringify(coordinatorAccount(podOf(['/a', '/b'])));
    expect(role).toContain('{"apiGroups":[""],"resources":["secrets"],"verbs":["create"]}');
    expect(role).not.toContain('*');
  });
});
