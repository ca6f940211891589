import type { Identity } from '../../src/mail/submission.ts';

/** A credential that nothing was said about. */
export const IDENTITY: Identity = {
  tenantId: 'default',
  credentialId: '01HF7YAT00ABCDEFGHJKMNPQRT',
  credentialName: 'app',
  mode: 'live',
  fromDomains: [],
  authentication: 'observe',
  overQuota: 'defer',
  onSuppressed: 'accept',
  controlHeaders: true,
};
