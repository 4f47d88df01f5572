import type { Failure } from '@prunegrid/core/failure';
import type { HttpsIdentity } from '@prunegrid/transport/node/https-agent';

/** How a cluster's API server is reached, and as whom. */
export interface Access {
  /** Its address, such as `https://10.0.0.1:6443`. */
  server: string;
  namespace: string;
  identity: HttpsIdentity;
  /**
   * Returns the token of a request, or undefined if a certificate suffices. Tokens expire, so it is asked for each time.
   * @param renewed whether the one that was returned before was refused
   */
  token(renewed: boolean): Promise<string | undefined>;
  /** Returns what is wrong if the server does not know who asks. */
  unknown(): Failure;
}
