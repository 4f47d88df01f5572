import { Failure } from '@prunegrid/core/failure';
import { withoutLogin } from '@prunegrid/core/text/login';
import { proxyRemark } from './proxy.js';

/** The variables of the process's environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The address of an MLflow server and the value of the Authorization header for its requests. */
export interface TrackingAddress {
  /** An http or https address without login, query or slash at the end, so that it may be shown and stored. */
  url: string;
  authorization: string | null;
  /** The proxy between here and the server, for messages; empty if there is none. See `proxyRemark`. */
  proxyRemark: string;
}

/**
 * Parses an MLflow address from the user. The login comes from the address itself (`http://user:password@host`),
 * otherwise from MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, otherwise from MLFLOW_TRACKING_TOKEN. Throws a
 * `Failure` if the scheme is not http or https.
 */
export function trackingAddress(text: string, environment: Environment): TrackingAddress {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new Failure('input', noServer(text, environment));
  }
  const authorization = login(url, environment);
  const address = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  // A proxy would look for a server of this machine on the proxy's machine.
  const remark = isOnThisMachine({ url: address }) ? '' : proxyRemark(address, environment);
  return { url: address, authorization, proxyRemark: remark };
}

/**
 * Says in one line that an address is not a server's, where it came from, how to get one, and how to do without. The
 * addresses of stores, which MLflow's Python library opens by itself, are common in MLFLOW_TRACKING_URI.
 */
function noServer(text: string, environment: Environment): string {
  // The text is the variable's unless it was given: what was sent before has a valid address.
  const fromVariable = text === environment['MLFLOW_TRACKING_URI'];
  const shown = withoutLogin(text);
  const database = /^(sqlite|mysql|postgresql|mssql)(\+\w+)?:/.test(text);
  const remedy = /^[\w.-]+:\d+(\/|$)/.test(text)
    ? `write http://${shown}`
    : `start a server (mlflow server --backend-store-uri ${database ? shown : 'sqlite:///mlflow.db'}) and give its address, such as http://localhost:5000`;
  const without = fromVariable ? 'set it to nothing (MLFLOW_TRACKING_URI= prunegrid ...)' : 'leave it out';
  return `${fromVariable ? 'MLFLOW_TRACKING_URI' : '--mlflow'}: MLflow address "${shown}" is neither http nor https; ${remedy}; to run without MLflow, ${without}`;
}

/**
 * Throws a `Failure` if the given address, or otherwise MLFLOW_TRACKING_URI, is not a server's address. It is called
 * before any work starts.
 */
export function requireTracking(url: string | undefined, environment: Environment): void {
  const known = url ?? environment['MLFLOW_TRACKING_URI'];
  if (known) trackingAddress(known, environment);
}

/**
 * Returns an address that an entry of a queue may contain. Others can read the entry, so it throws a `Failure` if the
 * address contains a login or is invalid.
 * @returns undefined if there is no address
 */
export function addressWithoutLogin(url: string | undefined, environment: Environment): string | undefined {
  const known = url ?? environment['MLFLOW_TRACKING_URI'];
  if (!known) return undefined;
  const { url: shown } = trackingAddress(known, environment);
  const { username, password } = new URL(known);
  if (username === '' && password === '') return shown;
  throw new Failure(
    'input',
    `MLflow address "${withoutLogin(known)}" was given with a login, which others could read in the queue: leave it out, and start prunegrid serve with MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD`,
  );
}

function login(url: URL, environment: Environment): string | null {
  const {
    MLFLOW_TRACKING_USERNAME: user,
    MLFLOW_TRACKING_PASSWORD: password,
    MLFLOW_TRACKING_TOKEN: token,
  } = environment;
  if (url.username !== '') return basic(decodeURIComponent(url.username), decodeURIComponent(url.password));
  if (user && password) return basic(user, password);
  return token ? `Bearer ${token}` : null;
}

/**
 * Returns whether a server of this address runs on this machine: localhost or a loopback address. The environment's
 * proxy is not used for such a server, because the proxy would look for it on the proxy's machine.
 */
export function isOnThisMachine({ url }: Pick<TrackingAddress, 'url'>): boolean {
  const { hostname } = new URL(url);
  return /^(.+\.)?localhost$|^127(\.\d+){3}$|^\[::1\]$/.test(hostname);
}

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
