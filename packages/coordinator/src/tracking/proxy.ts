import { withoutLogin } from '@prunegrid/core/text/login';
import { getProxyForUrl } from 'proxy-from-env';

/**
 * Returns a remark on the proxy through which axios reaches an address: its variable, and how to do without it. The
 * remark is empty if no proxy is used. Errors of such a connection name the proxy's port as if it were the server's.
 */
export function proxyRemark(url: string, environment: Readonly<Record<string, string | undefined>>): string {
  // This is the function by which axios itself chooses the proxy.
  const proxy = getProxyForUrl(url);
  if (proxy === '') return '';
  const { protocol, hostname } = new URL(url);
  const scheme = protocol.replace(':', '');
  const variable = [`${scheme}_proxy`, `${scheme}_proxy`.toUpperCase(), 'all_proxy', 'ALL_PROXY'].find(
    (name) => environment[name],
  );
  return ` through the proxy ${withoutLogin(proxy)} of ${variable ?? 'the environment'} (to go without it: NO_PROXY=${hostname})`;
}
