// How TLS is spoken on both ports.
import { constants } from 'node:crypto';

/** Mozilla's "intermediate", without the ciphers that want Diffie-Hellman parameters of their own. */
export const TLS_OPTIONS = {
  minVersion: 'TLSv1.2',
  ciphers: [
    ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
    ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
    ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
    ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ].join(':'),
  ecdhCurve: 'X25519:prime256v1:secp384r1',
  // A client of TLS 1.2 that asks for handshake after handshake costs us far more than itself.
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
} as const;
