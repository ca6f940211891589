/**
 * The server's settings, given on its command line at every start, so that a cluster of an earlier release gets them too
 * and no file in the cluster needs editing. Who wants other ones runs a PostgreSQL of their own (DATABASE_URL).
 */
export function serverArguments(cluster: string, socketDirectory: string): string[] {
  const settings = { ...SETTINGS, unix_socket_directories: quoted(socketDirectory) };
  return ['-D', cluster, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

/** In the names of socket and lock file only; fixed, so that PGPORT in somebody's environment changes nothing. */
export const PORT = 5432;

const SETTINGS = {
  // First, because a complaint about a later one already comes with it. The other log settings stand at the end.
  log_line_prefix: '',

  // Only our own processes connect, by a socket in a directory of mode 700.
  listen_addresses: '',
  port: `${PORT}`,
  unix_socket_permissions: '0700',
  max_connections: '60',
  cluster_name: 'postern',

  // We say 250 to mail that has been committed: a commit must be on disk.
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',

  // Nobody replicates from here. Less WAL, and no launcher process.
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  // The bundled build has no lz4, and pglz costs more processor than it saves disk.
  wal_compression: 'off',
  // Checkpoints by the clock rather than by volume: each makes full-page images of everything touched after it.
  max_wal_size: '1GB',
  min_wal_size: '128MB',
  checkpoint_timeout: '10min',
  checkpoint_completion_target: '0.9',

  // A small machine shared with the gateway: no I/O workers, no parallel queries, no JIT. The idle tree is 5 processes.
  shared_buffers: '64MB',
  effective_cache_size: '512MB',
  maintenance_work_mem: '64MB',
  huge_pages: 'off',
  io_method: 'sync',
  max_parallel_workers_per_gather: '0',
  max_parallel_maintenance_workers: '0',
  jit: 'off',
  random_page_cost: '1.1',

  // A queue table is all updates and deletes: vacuum early and without pauses, or it grows faster than it is emptied.
  autovacuum: 'on',
  autovacuum_naptime: '15s',
  autovacuum_max_workers: '2',
  autovacuum_vacuum_scale_factor: '0.05',
  autovacuum_analyze_scale_factor: '0.05',
  autovacuum_vacuum_cost_delay: '0',

  // What postgres-log.ts understands. Statements can hold addresses and content: never logged.
  log_destination: 'stderr',
  logging_collector: 'off',
  log_min_messages: 'warning',
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** unix_socket_directories is a comma-separated list of identifiers. */
function quoted(path: string): string {
  return `"${path.replaceAll('"', '""')}"`;
}
