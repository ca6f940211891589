// The stairs of the house run down: this reads the import lines and fails on any that climbs, crosses or goes round.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ROOMS = ['src', 'relay', 'bounce', 'migrations'];

const imports = new Map<string, string[]>();
for (const room of ROOMS) {
  for (const file of filesIn(room)) imports.set(file, importsOf(file));
}

function filesIn(room: string): string[] {
  try {
    return readdirSync(resolve(ROOT, room), { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.ts'))
      .map(name => `${room}/${name}`);
  } catch {
    return [];
  }
}

/** Ours, as paths from the root: static, dynamic and re-exported. */
function importsOf(file: string): string[] {
  const text = readFileSync(resolve(ROOT, file), 'utf8');
  const targets = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(match => match[1]!);
  return targets.map(target => relative(ROOT, resolve(ROOT, dirname(file), target)));
}

/** Imports of the files below `from` that are not below any of `allowed`. */
function climbing(from: string, allowed: readonly string[]): string[] {
  return [...imports]
    .filter(([file]) => file.startsWith(from))
    .flatMap(([file, targets]) =>
      targets.filter(target => !allowed.some(room => target.startsWith(room))).map(target => `${file} → ${target}`),
    );
}

describe('imports', () => {
  it('are found at all', () => {
    expect(imports.get('src/compose.ts')).toContain('relay/index.ts');
    expect(imports.size).toBeGreaterThan(50);
  });

  it.each([
    ['src/mail/', ['src/mail/']],
    ['src/platform/', ['src/platform/']],
    ['src/store/', ['src/store/', 'src/mail/', 'src/platform/', 'migrations/']],
    ['relay/', ['relay/', 'src/store/', 'src/mail/', 'src/platform/']],
    ['bounce/', ['bounce/', 'src/store/', 'src/mail/', 'src/platform/']],
    ['migrations/', []],
    ['src/http/', ['src/http/', 'src/mail/', 'src/platform/', 'relay/index.ts', 'bounce/index.ts']],
  ])('of %s go down only', (room, allowed) => {
    expect(climbing(room, allowed)).toEqual([]);
  });

  it('of a wing from outside go through its facade', () => {
    const inside = [...imports]
      .filter(([file]) => file.startsWith('src/'))
      .flatMap(([file, targets]) =>
        targets.filter(target => /^(relay|bounce)\/(?!index\.ts$)/.test(target)).map(target => `${file} → ${target}`),
      );
    expect(inside).toEqual([]);
  });

  it('of the roof are for the roof', () => {
    const roof = ['src/compose.ts', 'src/main.ts', 'src/cli/', 'src/first-start.ts'];
    const isRoof = (file: string) => roof.some(room => file.startsWith(room));
    const users = [...imports]
      .filter(([file]) => !isRoof(file))
      .flatMap(([file, targets]) => targets.filter(isRoof).map(target => `${file} → ${target}`));
    expect(users).toEqual([]);
  });

  it('go round in no circle', () => {
    const done = new Set<string>();
    const visit = (file: string, path: readonly string[]): string[] => {
      if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
      if (done.has(file)) return [];
      for (const target of imports.get(file) ?? []) {
        const circle = visit(target, [...path, file]);
        if (circle.length > 0) return circle;
      }
      done.add(file);
      return [];
    };
    expect([...imports.keys()].map(file => visit(file, [])).filter(circle => circle.length > 0)).toEqual([]);
  });
});

describe('the environment', () => {
  it('is read by the command line alone, and handed to the settings', () => {
    const readers = [...imports.keys()].filter(file =>
      readFileSync(resolve(ROOT, file), 'utf8').includes('process.env'),
    );
    expect(
      readers.filter(file => !file.startsWith('src/cli/') && !file.startsWith('src/platform/embedded-postgres/')),
    ).toEqual([]);
  });
});
