/**
 * Zoho Mail: address, verdict and two error codes on one line.
 * Sample:
 *     joe@example.org Invalid Address, ERROR_CODE :550, ERROR_CODE :5.2.1 <joe@example.org>... User Unknown
 */
import type { BlockFamily } from '../blocks.ts';

export const zoho: BlockFamily = {
  name: 'zoho',
  marks: ['error_code :'],
  recipients: [
    '{addr} {text}',
    '[status: error, address: {addr}, {text}',
    '{text}address: {addr}, {text}',
    '{text} {addr}, error_code :{text}',
  ],
  reason: 'behind',
};
