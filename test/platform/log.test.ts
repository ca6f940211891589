import { expect, it } from 'vitest';
import { createLog } from '../../src/platform/log.ts';

it('an error of pg is logged without its connection', () => {
  const lines: string[] = [];
  const log = createLog('info', { write: line => void lines.push(line) });
  log.warn({ err: Object.assign(new Error('gone'), { code: '57P01', client: { secretKey: 1_234 } }) }, 'lost');
  expect(JSON.parse(lines[0]!)).toMatchObject({ msg: 'lost', err: { message: 'gone', code: '57P01' } });
  expect(lines[0]).not.toContain('secretKey');
});
