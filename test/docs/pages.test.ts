// The pages for people: their links lead somewhere, their lines fit a screen, and what operations.md lists is all there is.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/platform/metrics.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = [
  'README.md',
  'CHANGELOG.md',
  'relay/README.md',
  'bounce/README.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`),
];
const read = (page: string) => readFileSync(join(ROOT, page), 'utf8');
const withoutExamples = (text: string) => text.replace(/^```[\s\S]*?^```/gm, '');

describe.each(PAGES)('%s', page => {
  it('has links that lead to a file', () => {
    const links = [...withoutExamples(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
    const dead = links
      .filter(link => !/^[a-z]+:/.test(link))
      .filter(link => !existsSync(join(ROOT, page, '..', link.replace(/#.*$/, ''))));
    expect(dead).toEqual([]);
  });

  it('has lines of at most 120 characters, except in examples', () => {
    const long = withoutExamples(read(page))
      .split('\n')
      .filter(line => line.length > 120);
    expect(long).toEqual([]);
  });

  it('names only files that are there', () => {
    const named = [
      ...withoutExamples(read(page)).matchAll(/`((?:src|relay|bounce|test|bench|migrations)\/[\w./-]+)`/g),
    ];
    expect(named.map(([, path]) => path!).filter(path => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

it('docs/operations.md names every metric, and no other', async () => {
  const registered = (await createMetrics(async () => 0).registry.getMetricsAsJSON()).map(metric => metric.name);
  const named = [...read('docs/operations.md').matchAll(/`(postern_[a-z_]+)`/g)].map(([, name]) => name!);
  expect([...new Set(named)].sort()).toEqual(registered.sort());
});

it('docs/operations.md names every event of the log', () => {
  const sources = ['src', 'relay', 'bounce'].flatMap(room =>
    readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.ts'))
      .map(name => read(join(room, name))),
  );
  const events = sources.flatMap(source =>
    [...source.matchAll(/\bevent: '([a-z-]+)'[, ]*[}\w]/g)].map(([, event]) => event!),
  );
  const page = read('docs/operations.md');
  expect(events.length).toBeGreaterThan(10);
  expect([...new Set(events)].filter(event => !page.includes(`\`${event}\``))).toEqual([]);
});
