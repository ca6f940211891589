import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CONTROL_FIELDS, SOURCES } from '../../relay/control-headers/fields.ts';

const PAGE = new URL('../../docs/control-headers.md', import.meta.url);

it('docs/control-headers.md has every control field with what it means, and no other', () => {
  const page = readFileSync(PAGE, 'utf8');
  const listed = [...page.matchAll(/^\| `((?:X-|Resend-)[\w*-]+)` \| (.*) \|$/gm)].map(([, name, means]) => [
    name,
    means,
  ]);
  expect(listed).toEqual(CONTROL_FIELDS.map(({ name, means }) => [name, means]));
});

it('docs/control-headers.md says where each dialect is described', () => {
  const page = readFileSync(PAGE, 'utf8');
  for (const source of Object.values(SOURCES).filter(link => link !== null)) expect(page).toContain(source);
});
