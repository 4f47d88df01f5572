/**
 * Says what is wrong with an address that is listened on or dialled.
 * @returns the problem and the remedy in one sentence; undefined for HOST:PORT, [IPv6]:PORT and unix:PATH
 */
export function addressProblem(address: string): string | undefined {
  if (/^unix:.+$/.test(address)) return undefined;
  const [, host, port] =
    /^(.*?):(\d+)$/.exec(address.startsWith('[') ? address.replace(/:(?=[^\]]*\])/g, '_') : address) ?? [];
  if ((address.match(/:/g) ?? []).length > 1 && !address.startsWith('[')) {
    const example = address.replace(/^(.*):(\d+)$/, '[$1]:$2');
    return `An IPv6 address must be in brackets: ${example === address ? `[${address}]:7000` : example}.`;
  }
  if (!host || port === undefined) return 'It must be HOST:PORT, such as 127.0.0.1:7000 or [::1]:7000.';
  return Number(port) > 65_535 ? 'The port must be a number from 0 to 65535.' : undefined;
}

/** Returns whether an address is on this machine alone: of the loopback interface, or a Unix socket. */
export const isLocal = (address: string): boolean =>
  /^(unix:|localhost:|127\.\d+\.\d+\.\d+:|\[::1\]:|\[::ffff:127\.\d+\.\d+\.\d+\]:)/i.test(address);
