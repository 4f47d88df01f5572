export { type Authority, issueCertificate, newAuthority, newSelfSigned } from './issue.js';
export { AUTHORITY_FILES, CREDENTIAL_FILES, readCredentials } from './folder.js';
export { COORDINATOR_NAME } from './names.js';
