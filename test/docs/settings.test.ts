import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { settingsList } from './settings-list.ts';

const PAGE = new URL('../../docs/settings.md', import.meta.url);

it('docs/settings.md lists every setting with its default, sentence and example, and no other', () => {
  const [, list] = /<!-- settings -->\n\n([\s\S]*)\n\n<!-- end of settings -->/.exec(readFileSync(PAGE, 'utf8')) ?? [];
  expect(list).toBe(settingsList());
});
