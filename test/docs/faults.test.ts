// docs/faults.md lists the table of faults as it is.
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { FAMILIES } from '../../relay/faults/table.ts';

const PAGE = new URL('../../docs/faults.md', import.meta.url);

it.each(Object.entries(FAMILIES))('docs/faults.md has the rules of %s, in their order', async (family, faults) => {
  const page = await readFile(PAGE, 'utf8');
  const section = page.split(`### ${family}\n`)[1]?.split('\n#')[0] ?? '';
  const listed = [...section.matchAll(/^\| `([a-z0-9-]+)` \| (\w+)(, opens)?(, slows)? \|/gm)];
  expect(
    listed.map(([, name, scope, opens, slows]) => [name, scope, opens !== undefined, slows !== undefined]),
  ).toEqual(faults.map(({ name, scope, opens, slows }) => [name, scope, opens ?? false, slows ?? false]));
});
