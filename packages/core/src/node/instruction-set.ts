/**
 * The sets of vector instructions of x86-64 in ascending order, by the names of oneDNN, with the flags by which Linux
 * says that a processor has them. https://uxlfoundation.github.io/oneDNN/dev_guide_cpu_dispatcher_control.html
 */
const SETS: readonly (readonly [name: string, ...flags: string[]])[] = [
  ['sse41', 'sse4_1'],
  ['avx', 'avx'],
  ['avx2', 'avx2'],
  ['avx2_vnni', 'avx2', 'avx_vnni'],
  ['avx512_core', 'avx512f', 'avx512bw', 'avx512dq', 'avx512vl'],
  ['avx512_core_vnni', 'avx512f', 'avx512bw', 'avx512dq', 'avx512vl', 'avx512_vnni'],
  ['avx512_core_bf16', 'avx512f', 'avx512bw', 'avx512dq', 'avx512vl', 'avx512_vnni', 'avx512_bf16'],
  ['avx512_core_fp16', 'avx512f', 'avx512bw', 'avx512dq', 'avx512vl', 'avx512_vnni', 'avx512_bf16', 'avx512_fp16'],
  ['avx512_core_amx', 'avx512f', 'avx512_bf16', 'avx512_fp16', 'amx_tile', 'amx_int8', 'amx_bf16'],
];

/**
 * Returns the largest set of vector instructions that oneDNN, which libtensorflow uses, takes on a machine, such as
 * `avx512_core_bf16`, or `sve` or `asimd` on ARM. It is the architecture's name where the system does not tell.
 * @param cpuinfo the content of /proc/cpuinfo, or an empty text
 * @param limit the value of ONEDNN_MAX_CPU_ISA, by which a user may forbid larger sets
 */
export function instructionSetOf(cpuinfo: string, architecture: string, limit?: string): string {
  const flags = new Set(/^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1].trim().split(/\s+/));
  if (architecture !== 'x64') return ['sve2', 'sve', 'asimd'].find((flag) => flags.has(flag)) ?? architecture;
  const allowed = SETS.findIndex(([name]) => name === limit?.toLowerCase());
  const has = SETS.slice(0, allowed < 0 ? undefined : allowed + 1).filter(([, ...wanted]) =>
    wanted.every((flag) => flags.has(flag)),
  );
  return has.at(-1)?.[0] ?? architecture;
}
