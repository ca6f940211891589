/** The doors of the bounce room. README.md tells the files in reading order. */
export type { BounceFact, BounceVerdict } from './classify.ts';
export { classifyBounce } from './classify.ts';
export type { JudgedRecipient } from './events/as-report.ts';
export { asReported } from './events/as-report.ts';
export type { EventDoor, Knock, Opening } from './events/door.ts';
export type { EventSettings } from './events/doors.ts';
export { createEventDoors, eventPaths } from './events/doors.ts';
export type { EventRecipient, OurId, ProviderEvent, ProviderEventKind } from './events/provider-event.ts';
export type { TakeProviderEvents } from './events/take.ts';
export type { EvidenceLine, ExplainedRecipient, Explanation } from './explain.ts';
export { explainReport } from './explain.ts';
export type { Ingested, IngestedRecipient, IngestReport } from './ingest.ts';
export type { Source } from './record.ts';
export { parseReport } from './report/parse.ts';
export type {
  BounceReport,
  OriginalMessage,
  ReportAction,
  ReportedRecipient,
  ReportKind,
  SmtpStage,
} from './report/recipient.ts';
export type { BounceReason } from './rules/reason.ts';
export type { Policy } from './suppress.ts';
export { completePolicy, DEFAULT_POLICY } from './suppress.ts';
export type { Bounces, BouncesOptions } from './wing.ts';
export { connectionsFor, createBounces, loadMailboxes } from './wing.ts';
