import { X509Certificate } from 'node:crypto';

/** An address of the form `tls:HOST:PORT:HASH` with the SHA-256 of the listener's certificate, 64 hexadecimal digits. */
const pattern = /^tls:(?<place>.+:\d+):(?<hash>[0-9a-f]{64})$/;

/** Returns the address by which others find a listener and recognise its certificate. */
export const pinnedAddress = (place: string, certificate: string): string =>
  `tls:${place}:${plainHash(new X509Certificate(certificate).fingerprint256)}`;

/** Returns the parts of a pinned address, or undefined for an address of another form. */
export function parsePinned(address: string): { place: string; hash: string } | undefined {
  const { place = '', hash = '' } = pattern.exec(address)?.groups ?? {};
  return place === '' ? undefined : { place, hash };
}

/** Returns a fingerprint as Node writes it, `AB:CD:...`, as hexadecimal digits. */
export const plainHash = (fingerprint: string): string => fingerprint.replaceAll(':', '').toLowerCase();
