/** The package comes without types. */
declare module 'proxy-from-env' {
  /** Returns the address of the proxy for a URL, or an empty string if it is reached directly. */
  export function getProxyForUrl(url: string): string;
}
