// The tables as Kysely sees them. migrations/ is where they are made; the database checks the rest.
import type { ColumnType, Generated } from 'kysely';
import type { DeliveryState, EventKind } from '../mail/outcome.ts';
import type { QuotaCounts } from '../mail/quota.ts';
import type {
  AuthenticationPolicy,
  DsnPolicy,
  MessageId,
  Mode,
  OnSuppressed,
  OverQuota,
  Stream,
} from '../mail/submission.ts';
import type { AttemptResult, Scope, Stage } from '../mail/upstream.ts';

export type Database = {
  tenants: TenantTable;
  credentials: CredentialTable;
  admins: { name: string; secret_hash: string; created_at: Generated<Date> };
  messages: MessageTable;
  contents: { message_id: MessageId; bytes: Buffer };
  deliveries: DeliveryTable;
  attempts: AttemptTable;
  events: EventTable;
  suppressions: SuppressionTable;
  suppression_policies: SuppressionPolicyTable;
  domains: DomainTable;
  dkim_keys: DkimKeyTable;
  dkim_keys_revision: { is_only: Generated<boolean>; revision: string };
  reports: ReportTable;
  report_sources: { source: string; key: string; report_id: string; is_filed: boolean | null; at: Generated<Date> };
  report_recipients: ReportRecipientTable;
  outcomes: OutcomeTable;
  bounce_alarms: { topic: string; reason: string; raised_at: Date; count: number };
  mailboxes: MailboxTable;
  submission_keys: { key: Buffer; envelope: Buffer; message_id: MessageId; expires_at: Date };
  quotas: QuotaTable;
  routes: RouteTable;
  dsns: DsnTable;
  quota_usage: { quota_id: number; bucket: number; used: number };
  dispatchers: { holder: string; node: string; started_at: Generated<Date>; seen_at: Generated<Date> };
  upstream_turns: UpstreamTurnTable;
  slowdowns: SlowdownTable;
};

type TenantTable = { tenant_id: string; created_at: Generated<Date> };

type CredentialTable = {
  credential_id: string;
  tenant_id: string;
  name: string;
  secret_hash: string;
  mode: Mode | null;
  from_domains: string[];
  networks: Generated<string[]>;
  authentication: Generated<AuthenticationPolicy>;
  over_quota: Generated<OverQuota>;
  on_suppressed: Generated<OnSuppressed>;
  control_headers: Generated<boolean>;
  dsn: Generated<DsnPolicy>;
  created_at: Generated<Date>;
  last_used_at: Date | null;
};

type MessageTable = {
  message_id: MessageId;
  tenant_id: string;
  credential_id: string;
  credential_name: string;
  stream: Stream;
  reverse_path: string | null;
  ret: 'FULL' | 'HDRS' | null;
  envid: string | null;
  body: '7BIT' | '8BITMIME';
  smtp_utf8: boolean;
  internet_message_id: string | null;
  header_from: string | null;
  subject: string | null;
  trace_header: string;
  size: number;
  remote_address: string;
  accepted_at: Date;
  expires_at: Date;
  omitted: number[];
  tags: string[];
  metadata: Record<string, string> | null;
  track: string[] | null;
  authentication: unknown;
};

type DeliveryTable = {
  message_id: MessageId;
  n: number;
  recipient: string;
  recipient_key: string;
  notify: string | null;
  orcpt: string | null;
  state: DeliveryState;
  attempt: number;
  lease_holder: string | null;
  due_at: Date | null;
  parked: boolean;
  pinned_upstream: string | null;
  reason: string | null;
  updated_at: Generated<Date>;
  stream: Generated<Stream>;
  waits_for: string | null;
  uncounted: Generated<number>;
  by_hand: Generated<boolean>;
  begins_at: Date | null;
};

type AttemptTable = {
  message_id: MessageId;
  n: number;
  attempt: number;
  hop: number;
  upstream: string;
  opened_at: Date;
  ended_at: Date | null;
  result: AttemptResult['kind'] | 'skipped' | null;
  stage: Stage | null;
  scope: Scope | null;
  smtp_code: number | null;
  enhanced_status: string | null;
  detail: string | null;
  remote_address: string | null;
  tls: string | null;
  decision: string | null;
};

type EventTable = {
  event_id: ColumnType<string, never, never>;
  at: Generated<Date>;
  kind: EventKind;
  message_id: MessageId | null;
  topic: string | null;
  n: number | null;
  data: unknown;
};

type SuppressionTable = {
  suppression_id: ColumnType<number, never, never>;
  address_key: string;
  tenant_id: string | null;
  stream: Stream | null;
  reason: 'hard-bounce' | 'soft-bounces' | 'complaint' | 'unsubscribe' | 'manual';
  evidence: string | null;
  created_at: Generated<Date>;
  expires_at: Date | null;
  times: Generated<number>;
  probe_message_id: MessageId | null;
  probe_n: number | null;
  passed_at: Date | null;
};

type RouteTable = {
  name: string;
  position: number;
  rule: ColumnType<unknown, string, string>;
  created_at: Generated<Date>;
  changed_at: Generated<Date>;
};

type SuppressionPolicyTable = {
  policy_id: ColumnType<number, never, never>;
  tenant_id: string | null;
  stream: Stream | null;
  hard_for_ms: number | null;
  strikes: number | null;
  strikes_within_ms: number | null;
  strikes_for_ms: number | null;
  created_at: Generated<Date>;
};

type QuotaTable = {
  quota_id: ColumnType<number, never, never>;
  credential_id: string | null;
  tenant_id: string | null;
  stream: Stream | null;
  recipient_domain: string | null;
  counts: QuotaCounts;
  max_count: number;
  /** Null, like the next: messages at the same time. */
  window_ms: number | null;
  bucket_ms: number | null;
  full_until: ColumnType<number | null, never, null>;
  warned_at: ColumnType<Date | null, never, null>;
  exhausted_at: ColumnType<Date | null, never, null>;
  created_at: Generated<Date>;
};

type DomainTable = {
  domain: string;
  tenant_id: string;
  created_at: Generated<Date>;
  checked_at: Date | null;
  result: ColumnType<unknown, string | null, string>;
};

type DkimKeyTable = {
  domain: string;
  selector: string;
  algorithm: 'rsa-sha256' | 'ed25519-sha256';
  public_key: string;
  sealed_private_key: Buffer;
  created_at: Generated<Date>;
  active_from: Date | null;
  retired_at: Date | null;
};

type ReportTable = {
  report_id: string;
  digest: Buffer;
  kind: 'dsn' | 'nonstandard' | 'arf' | 'auto-reply' | 'event';
  format: string;
  internet_message_id: string | null;
  from_address: string | null;
  subject: string | null;
  recorded_at: Generated<Date>;
  size: number;
  bytes: Buffer;
};

type ReportRecipientTable = {
  report_id: string;
  i: number;
  recipient: string | null;
  final_recipient: string | null;
  action: string;
  reason: string;
  verdict: 'hard' | 'soft' | 'none';
  rule: string;
  confidence: number;
  status: string | null;
  reply_code: string | null;
  diagnostic: string;
  feedback_type: string | null;
  message_id: MessageId | null;
  n: number | null;
  correlated_by: string | null;
  is_proven: boolean;
  correlation: string;
  decision: string;
  decided_by: string;
};

type OutcomeTable = {
  message_id: MessageId;
  n: number;
  fact: 'bounced' | 'complained' | 'delayed' | 'confirmed';
  at: Generated<Date>;
  report_id: string | null;
  address_key: string;
  tenant_id: string;
  stream: Stream;
  reason: string;
  rule: string;
  evidence: string;
  decision: 'suppressed' | 'waiting' | 'strike' | 'nothing' | 'discarded';
  decided_by: string;
  suppression: SuppressionTable['reason'] | null;
  decided_at: Generated<Date>;
};

type DsnTable = {
  message_id: MessageId;
  n: number;
  kind: 'failure' | 'delay' | 'success';
  attempt: number;
  dsn_message_id: MessageId;
};

type MailboxTable = {
  mailbox: string;
  uid_validity: number;
  last_uid: number;
  looked_at: Generated<Date>;
  trouble: string | null;
  trouble_at: Date | null;
};

type UpstreamTurnTable = {
  upstream: string;
  next_at: Generated<Date>;
  day: string | null;
  used: Generated<number>;
  granted: Generated<number>;
};

type SlowdownTable = {
  upstream: string;
  domain: string;
  rate: number;
  ceiling: number;
  reason: string;
  since: Generated<Date>;
  slowed_at: Generated<Date>;
  free_at: Date;
  told_at: Generated<Date>;
};
