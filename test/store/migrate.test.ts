import { afterEach, describe, expect, it } from 'vitest';
import { createDatabase } from '../../src/platform/postgres.ts';
import { migrate, missingMigrations } from '../../src/store/migrate.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
afterEach(() => database.drop());

describe('migrations', () => {
  it('run once, although two processes start together', async () => {
    database = await cloneDatabase({ empty: true });
    const db = createDatabase<never>(database.pool);
    expect((await missingMigrations(db)).length).toBeGreaterThan(0);
    const ran = await Promise.all([migrate(db), migrate(db)]);
    expect(ran.flat().length).toBeGreaterThan(0);
    expect(new Set(ran.flat()).size).toBe(ran.flat().length);
    expect(await migrate(db)).toEqual([]);
    expect(await missingMigrations(db)).toEqual([]);
  });

  it('are numbered one by one, and import nothing of the source', async () => {
    database = await cloneDatabase();
    const { readdirSync, readFileSync } = await import('node:fs');
    const folder = new URL('../../migrations/', import.meta.url);
    const files = readdirSync(folder).sort();
    expect(files.map(file => Number(file.slice(0, 4)))).toEqual(files.map((_, i) => i + 1));
    for (const file of files) expect(readFileSync(new URL(file, folder), 'utf8')).not.toMatch(/from '\.\.?\//);
  });
});
