import { Failure } from '@prunegrid/core/failure';

/** The server is away, slow or overloaded: the same request may succeed later. */
export class MlflowUnavailable extends Failure {
  constructor(
    message: string,
    /** How long the server asked to be left alone. */
    readonly retryAfterMs: number | null,
    options?: ErrorOptions,
  ) {
    super('environment', message, options);
  }
}

/** The server understood the request and refused it, for a reason that has a name, such as RESOURCE_DOES_NOT_EXIST. */
export class MlflowRejection extends Failure {
  constructor(
    message: string,
    readonly code: string,
  ) {
    super('environment', message);
  }
}
