import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const program = fileURLToPath(new URL('../packages/cli/bin/prunegrid.js', import.meta.url));

interface Report {
  version: number;
  findings: { name: string; state: string; text: string; remedy?: string; data?: Record<string, unknown> }[];
}

it('doctor times a step of the default engine, and has a remedy for each thing that is missing', async () => {
  const env = {
    ...process.env,
    PRUNEGRID_XLA_PLUGIN: '/nowhere/plugin.so',
    // No process listens on port 9 of this machine.
    MLFLOW_TRACKING_URI: 'http://127.0.0.1:9',
  };
  const { code, stdout, stderr } = await new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) =>
    execFile(process.execPath, [program, 'doctor', '--json'], { env }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    ),
  );
  expect(code).toBe(5);
  expect(stderr).toMatch(/^prunegrid: no run can work here: XLA's plugin: the remedies are above\n$/);
  const { version, findings } = JSON.parse(stdout) as Report;
  expect(version).toBe(1);
  const of = (name: string) => findings.find((finding) => finding.name === name);
  expect(of('engine tensorflow')).toMatchObject({ state: 'ok', data: { engine: 'tensorflow' } });
  expect(of('engine tensorflow')?.data?.stepMs).toBeGreaterThan(0);
  expect(of('engine xla')).toMatchObject({
    state: 'warning',
    text: expect.stringContaining('no file /nowhere') as string,
  });
  expect(of('MLflow')).toMatchObject({ state: 'warning', text: expect.stringContaining('127.0.0.1:9') as string });
  expect(of('ports')).toMatchObject({ state: 'ok' });
  for (const { state, remedy } of findings) expect(state === 'ok').toBe(remedy === undefined);
});
