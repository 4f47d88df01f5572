/** The kind of a failure, which tells the caller how to react. The README lists the exit code of each kind. */
export type FailureKind = 'input' | 'training' | 'trainers' | 'environment' | 'interrupted';

export const exitCodes: Record<FailureKind, number> = {
  input: 2,
  training: 3,
  trainers: 4,
  environment: 5,
  interrupted: 130,
};

/**
 * An expected failure. Its message is one line for the user that names the place (file, key, address) and the remedy;
 * the command line prints it without a stack trace and exits with `exitCode`.
 */
export class Failure extends Error {
  override readonly name = 'Failure';

  constructor(
    readonly kind: FailureKind,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  get exitCode(): number {
    return exitCodes[this.kind];
  }
}
