import { once } from 'node:events';
import { expect, it } from 'vitest';
import { Wire } from '../../../relay/listener/wire.ts';

it('a fault while a line is answered ends this session and goes no further', async () => {
  const corks: string[] = [];
  const wire = new Wire({
    cork: () => corks.push('cork'),
    uncork: () => corks.push('uncork'),
    onBadLine: (_problem, resume) => resume(),
    onProgress: () => null,
    onContent: (_collected, resume) => resume(),
  });
  wire.oncommand = () => {
    throw new Error('a bug in the works');
  };
  const failed = once(wire, 'error');
  expect(() => wire.write('NOOP\r\nNOOP\r\n')).not.toThrow();
  expect(await failed).toMatchObject([{ message: 'a bug in the works' }]);
  expect(wire.isClosed).toBe(true);
  expect(corks).toEqual(['cork', 'uncork']);
});
