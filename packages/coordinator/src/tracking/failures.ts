import { Failure } from '@prunegrid/core/failure';

/** The server is unreachable, slow or overloaded. The same request may succeed later. */
export class MlflowUnavailable extends Failure {
  constructor(
    message: string,
    /** The pause that the server asked for, in milliseconds; null if it asked for none. */
    readonly retryAfterMs: number | null,
    options?: ErrorOptions,
  ) {
    super('environment', message, options);
  }
}

/** The server has no such call, or the address is not that of an MLflow server. */
export class MlflowCallMissing extends Failure {
  constructor(message: string) {
    super('environment', message);
  }
}

/** The server understood the request and refused it with an error code, such as RESOURCE_DOES_NOT_EXIST. */
export class MlflowRejection extends Failure {
  constructor(
    message: string,
    readonly code: string,
  ) {
    super('environment', message);
  }
}
