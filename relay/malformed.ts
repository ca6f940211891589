// Content that two hosts could cut up differently, or that would break on the way: refused as a whole.
import { reply } from '../src/mail/reply.ts';
import { contentProblem } from './listener/content-collector.ts';
import type { Objection } from './policy.ts';

/** What is said to such content, or null. */
export function malformed(content: Buffer): Objection | null {
  const problem = contentProblem(content);
  return problem === null ? null : malformedObjection(problem);
}

export function malformedObjection(problem: string): Objection {
  const enhanced = problem === 'line too long' ? '5.6.0' : '5.5.2';
  return { kind: 'reject', reply: reply(550, enhanced, `Message refused: ${problem}`), rule: 'malformed' };
}
