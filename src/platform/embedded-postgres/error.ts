/** One clear line for the operator: the embedded PostgreSQL cannot run, why, and where it helps what to do. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
}
