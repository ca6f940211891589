/**
 * X1: the reason in square brackets.
 * Sample:
 *     joe@example.org [User unknown]
 */
import type { BlockFamily } from '../blocks.ts';

export const deliveryErrors: BlockFamily = {
  name: 'delivery-errors',
  marks: ['the following addresses had delivery errors'],
  recipients: ['{addr} [{text}]', '{addr} {text}', '{addr}'],
  from: ['delivery errors'],
};
