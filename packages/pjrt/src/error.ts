/** The codes of PJRT's errors, as in PJRT_Error_Code of pjrt_c_api.h. */
export type PjrtErrorCode =
  | 'CANCELLED'
  | 'UNKNOWN'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'
  | 'UNAUTHENTICATED';

/** An error of a plugin, or a call that a plugin was never given, such as one with a released buffer. */
export class PjrtError extends Error {
  override readonly name = 'PjrtError';

  constructor(
    readonly code: PjrtErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Runs a call of the addon, and throws its errors as `PjrtError`. */
export function calling<T>(call: () => T): T {
  try {
    const result = call();
    return result instanceof Promise
      ? (result.catch((error: unknown) => {
          throw typed(error);
        }) as T)
      : result;
  } catch (error) {
    throw typed(error);
  }
}

function typed(error: unknown): PjrtError {
  const { code, message } = error as { code: PjrtErrorCode; message: string };
  return new PjrtError(code, message, { cause: error });
}
