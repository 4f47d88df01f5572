/** What this machine is and who uses it. Nothing of it changes while the process runs. */
export interface Machine {
  /** The processor's name, or `unknown` if the system does not tell it. */
  readonly processor: string;
  /**
   * The largest set of vector instructions that libraries use here, such as `avx2`: what they compute has other bits with
   * another one.
   */
  readonly instructionSet: string;
  /** The number of logical processors. */
  readonly cores: number;
  /** The number of threads that can run at the same time, which is smaller if this process may not use all processors. */
  readonly parallelism: number;
  readonly memoryBytes: number;
  /** The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them. */
  readonly gpus: readonly string[];
  /** Operating system and architecture, such as `linux-x64`. */
  readonly platform: string;
  /** The user's name, or the user's number if the system knows no name for it, which is common in containers. */
  readonly user: string;
  /** The number of the user that this process runs as; -1 on a system without such numbers. */
  readonly userId: number;
}
