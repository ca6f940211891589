// What each dispatcher goes by, for whoever asks with settings that may be other ones.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table dispatchers
      -- Names, in order.
      add column upstreams text[] not null default '{}',
      -- Of what the settings say of sending: equal where nothing differs. Null: not said.
      add column settings_digest text`.execute(db);
}
