import { Agent } from 'node:https';

/** By what two ends of an HTTPS connection know each other. All are PEM. */
export interface HttpsIdentity {
  /** The authority of the server's certificate; by default those that Node knows. */
  authority?: string | undefined;
  certificate?: string | undefined;
  key?: string | undefined;
  /** The name in the server's certificate, if it is not the one that is dialled. */
  serverName?: string | undefined;
  /** Whether the server's certificate is not looked at. */
  insecure?: boolean | undefined;
}

/** Returns what makes HTTPS connections, and keeps them open for further requests. */
export const httpsAgent = ({ authority, certificate, key, serverName, insecure = false }: HttpsIdentity): Agent =>
  new Agent({
    keepAlive: true,
    ca: authority,
    cert: certificate,
    key,
    ...(serverName !== undefined && { servername: serverName }),
    rejectUnauthorized: !insecure,
  });
