import { Failure } from '@prunegrid/core/failure';
import { oneLine } from '@prunegrid/core/text/printable';
import type { AxiosResponse } from 'axios';
import type { TrackingAddress } from './address.js';
import { MlflowCallMissing, MlflowRejection } from './failures.js';

/** Returns the Failure that explains to the user an answer that would be the same if the request were repeated. */
export function refusal(
  { url, proxyRemark }: TrackingAddress,
  { status, data, headers, config }: AxiosResponse<unknown>,
): Failure {
  const text = typeof data === 'string' ? data : '';
  const reason = errorOf(data);
  // A proxy that denies access also answers 403, with a page that may speak of hosts.
  if (status === 403 && /^invalid host/i.test(text)) {
    return new Failure(
      'environment',
      `MLflow at ${url} refuses this host name (HTTP 403: ${quoted(text)}); start mlflow server with --allowed-hosts ${new URL(url).host}`,
    );
  }
  if (status === 401 || status === 403) {
    const given = config.headers?.get('Authorization') ? 'refuses this login' : 'wants a login';
    return new Failure(
      'environment',
      `MLflow at ${url} ${given}${proxyRemark} (HTTP ${status}); set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN`,
    );
  }
  if (reason !== null && reason.code !== 'ENDPOINT_NOT_FOUND') {
    return new MlflowRejection(
      `MLflow at ${url} refuses: ${quoted(reason.message)} (${quoted(reason.code)})`,
      reason.code,
    );
  }
  const type = String(headers['content-type'] ?? 'no content type').split(';')[0];
  const message = `${url} does not answer as an MLflow server does${proxyRemark} (HTTP ${status}, ${oneLine(type)}); check the address and its port`;
  return status === 404 ? new MlflowCallMissing(message) : new Failure('environment', message);
}

function errorOf(data: unknown): { code: string; message: string } | null {
  if (typeof data !== 'object' || data === null || !('error_code' in data)) return null;
  return { code: String(data.error_code), message: 'message' in data ? String(data.message) : 'no reason given' };
}

/** Returns the server's words as they fit into a line. */
const quoted = (text: string): string => oneLine(text).trim().slice(0, 300);
