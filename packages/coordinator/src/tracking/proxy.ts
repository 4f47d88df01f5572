import { withoutLogin } from '@prunegrid/core/text/login';
import { getProxyForUrl } from 'proxy-from-env';

/**
 * Returns a remark on the way from here to an address, as axios chooses it: through the proxy of a variable, or past that
 * proxy because another variable leaves the address out. The remark says how to change that; it is empty if the
 * environment names no proxy. Errors of a connection to a proxy name the proxy's port as if it were the server's.
 */
export function proxyRemark(url: string, environment: Readonly<Record<string, string | undefined>>): string {
  const { protocol, hostname } = new URL(url);
  const set = (...names: string[]) => names.find((name) => environment[name]);
  // The order in which axios looks for them: a name in small letters counts before the same one in capitals.
  const scheme = `${protocol.replace(':', '')}_proxy`;
  const variable = set(scheme, scheme.toUpperCase(), 'all_proxy', 'ALL_PROXY');
  const exceptions = set('no_proxy', 'NO_PROXY');
  // This is the function by which axios itself chooses the proxy.
  const proxy = getProxyForUrl(url);
  if (proxy === '') return variable && exceptions ? ` without the proxy of ${variable}, as ${exceptions} says` : '';
  const remedy = exceptions ? `add ${hostname} to ${exceptions}` : `NO_PROXY=${hostname}`;
  return ` through the proxy ${withoutLogin(proxy)} of ${variable ?? 'the environment'} (to go without it: ${remedy})`;
}
