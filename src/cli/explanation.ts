// What `postern explain` found, on a terminal: the checks in the order of the session, what would become of the message,
// and last, beside the prompt, the reply.

import type { Explanation } from '../../relay/index.ts';
import { formatReply } from '../mail/reply.ts';
import type { Identity } from '../mail/submission.ts';
import { formatDuration } from '../platform/duration.ts';
import { formatGroups } from '../platform/route-rules.ts';
import { formatSecond } from './context.ts';
import { fold, printTable, screenWidth } from './table.ts';

export function printExplanation(explanation: Explanation, identity: Identity, from: string): void {
  const { credential, mode, stream, steps } = explanation;
  console.log(`Mail of ${from} by credential ${credential} (${mode}, ${stream})\n`);
  printTable(
    ['AT', 'CHECK', '', 'WHY'],
    steps.map(({ command, name, said, objection }) => [
      ...[command, name, objection ? 'no' : 'ok'],
      objection ? formatReply(objection.reply) : said,
    ]),
  );
  console.log('');
  for (const [title, values] of rowsOf(explanation, identity)) printRows(title, values);
}

const INDENT = 12;

function printRows(title: string, values: readonly string[]): void {
  const width = screenWidth();
  const lines = values.flatMap(value => fold(value, width === null ? null : width - INDENT));
  for (const [i, line] of lines.entries()) console.log(`${(i === 0 ? title : '').padEnd(INDENT)}${line}`);
}

/** Of a message that is refused nothing is sent: what would have become of it is left out, unless it is a reason. */
function rowsOf(explanation: Explanation, identity: Identity): [string, string[]][] {
  const { recipients, quotas, signatures, authentication, routes, answer } = explanation;
  const isTaken = answer.reply.code < 400;
  const fates = recipients.filter(({ fate }) => isTaken || fate === 'refused' || fate === 'suppressed');
  return [
    ['Asks for', describeDirectives(explanation.directives)],
    ['Recipients', fates.map(({ recipient, fate, why }) => `${recipient}: ${FATES[fate]}${why ? ` (${why})` : ''}`)],
    ['Quotas', quotas.map(quota => describeQuota(quota, identity))],
    ['Signed as', isTaken ? signatures.map(key => `${key.domain}, ${key.selector} (${key.algorithm})`) : []],
    ['Receivers', authentication ? [authentication.prediction.consequence] : []],
    ['Route', isTaken ? routes.map(route => describeRoute(route, routes.length > 1)) : []],
    ['Answer', [`${formatReply(answer.reply)}  (to ${answer.command}${answer.rule ? `, ${answer.rule}` : ''})`]],
  ];
}

const FATES = {
  deliver: 'to be delivered',
  later: 'to be delivered later',
  held: 'held until it is released',
  repeated: 'sent already',
  capture: 'captured, never sent',
  suppressed: 'suppressed, never tried',
  refused: 'refused',
} as const;

function describeDirectives(directives: Explanation['directives']): string[] {
  const { tags, metadata, sendAtMs, maxAgeMs, idempotencyKey, track, drop } = directives;
  const pairs = Object.entries(metadata ?? {}).map(([name, value]) => `${name}=${value}`);
  const asked = [
    tags.length > 0 && `tags ${tags.join(', ')}`,
    pairs.length > 0 && `metadata ${pairs.join(', ')}`,
    sendAtMs !== null && `not before ${formatSecond(new Date(sendAtMs))}`,
    maxAgeMs !== null && `tried for ${formatDuration(maxAgeMs)}`,
    idempotencyKey !== null && `idempotency key ${idempotencyKey}`,
    track !== null && `track ${track.join(', ') || 'nothing'}`,
    drop && 'not to be sent',
  ].filter(text => text !== false);
  return asked.length > 0 ? [asked.join('; ')] : [];
}

function describeQuota({ quota, left, freeAt }: Explanation['quotas'][number], { overQuota }: Identity): string {
  if (freeAt === null) return `${quota}: ${left} left`;
  return `${quota}: used up until ${formatSecond(freeAt)}; ${BEYOND[overQuota]}`;
}

const BEYOND = {
  defer: 'it is taken, and waits for its turn',
  hold: 'it is taken, and held until it is released',
  reject: 'it is refused until then',
} as const;

/** `mailgun*3 + ses, then postmark (rule bulk)`. */
function describeRoute({ rule, to, recipients }: Explanation['routes'][number], isOneOfSeveral: boolean): string {
  const why = rule === 'default' ? '' : ` (rule ${rule})`;
  return `${isOneOfSeveral ? `${recipients.join(', ')}: ` : ''}${formatGroups(to)}${why}`;
}
