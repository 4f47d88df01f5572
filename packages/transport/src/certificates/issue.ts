import 'reflect-metadata';

import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { createPrivateKey, KeyObject, webcrypto } from 'node:crypto';

import type { Clock, RandomSource } from '@prunegrid/core/runtime';
import { COORDINATOR_NAME } from './names.js';

const DAY_MS = 86_400_000;
/** Clocks of machines may differ by so much, in milliseconds. */
const CLOCK_SKEW_MS = 3_600_000;
const curve = { name: 'ECDSA', namedCurve: 'P-256' };
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' };

type Host = { clock: Pick<Clock, 'now'>; random: Pick<RandomSource, 'bytes'> };

/** A certificate and its private key, both in PEM. */
export interface Authority {
  certificate: string;
  key: string;
}

/**
 * Makes a certificate authority of its own: a self-signed certificate that may sign others and nothing else (RFC 5280).
 * @param days the number of days for which it is valid
 */
export async function newAuthority(host: Host, days: number): Promise<Authority> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...(await validity(host, days)),
    name: 'CN=prunegrid authority',
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return pemOf(certificate, keys);
}

/**
 * Issues a certificate and its key.
 * @param role a coordinator's certificate has the name `COORDINATOR_NAME` and serves both ends of a connection; a
 *   trainer's has its own name and makes calls only
 */
export async function issueCertificate(
  host: Host,
  authority: Authority,
  role: 'coordinator' | 'trainer',
  name: string,
  days: number,
): Promise<Authority> {
  const issuer = new X509Certificate(authority.certificate);
  const keys = await newKeys();
  const usages =
    role === 'coordinator' ? [ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth] : [ExtendedKeyUsage.clientAuth];
  const dns = role === 'coordinator' ? COORDINATOR_NAME : `${name}.trainer.prunegrid`;
  const certificate = await X509CertificateGenerator.create({
    ...(await validity(host, days)),
    subject: `CN=${name}`,
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey: await signingKeyOf(authority.key),
    extensions: [
      ...(await endEntity(keys.publicKey, usages, dns)),
      await AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return pemOf(certificate, keys);
}

/** Makes a certificate for one listener, whose callers know its fingerprint beforehand. */
export async function newSelfSigned(host: Host): Promise<Authority> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...(await validity(host, 365)),
    name: 'CN=prunegrid peer',
    keys,
    extensions: await endEntity(keys.publicKey, [ExtendedKeyUsage.serverAuth], 'peer.prunegrid'),
  });
  return pemOf(certificate, keys);
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> => webcrypto.subtle.generateKey(curve, true, ['sign', 'verify']);

const endEntity = async (key: webcrypto.CryptoKey, usages: ExtendedKeyUsage[], dns: string): Promise<Extension[]> => [
  new BasicConstraintsExtension(false, undefined, true),
  new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
  new ExtendedKeyUsageExtension(usages, true),
  new SubjectAlternativeNameExtension([{ type: 'dns', value: dns }]),
  await SubjectKeyIdentifierExtension.create(key),
];

async function validity({ clock, random }: Host, days: number) {
  const now = clock.now();
  return {
    // A positive number of 20 bytes at most (RFC 5280, 4.1.2.2).
    serialNumber: `01${random.bytes(15).toString('hex')}`,
    notBefore: new Date(now - CLOCK_SKEW_MS),
    notAfter: new Date(now + days * DAY_MS),
    signingAlgorithm,
  };
}

const signingKeyOf = (pem: string): Promise<webcrypto.CryptoKey> =>
  webcrypto.subtle.importKey('pkcs8', createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' }), curve, false, [
    'sign',
  ]);

const pemOf = (certificate: X509Certificate, { privateKey }: webcrypto.CryptoKeyPair): Authority => ({
  certificate: `${certificate.toString('pem')}\n`,
  key: KeyObject.from(privateKey).export({ type: 'pkcs8', format: 'pem' }) as string,
});
