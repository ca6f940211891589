// An SMTP reply (RFC 5321 section 4.2) with its enhanced status code (RFC 3463, RFC 2034).

export type Reply = {
  /** 200-599 */
  readonly code: number;
  /** `2.1.5`, or null when there is none. */
  readonly enhanced: string | null;
  /** One line, without the codes. */
  readonly text: string;
};

export function reply(code: number, enhanced: string | null, text: string): Reply {
  return { code, enhanced, text };
}

export function formatReply({ code, enhanced, text }: Reply): string {
  return enhanced ? `${code} ${enhanced} ${text}` : `${code} ${text}`;
}

export function isPositive(reply: Reply): boolean {
  return reply.code < 400;
}

export function isPermanent(reply: Reply): boolean {
  return reply.code >= 500;
}

const ENHANCED = /^([245]\.\d{1,3}\.\d{1,3})(?:[ \t]+|$)/;

/** The reply behind the text lines of one code: the enhanced code is taken off each line, the lines are joined by spaces. */
export function parseReplyLines(code: number, lines: readonly string[]): Reply {
  const enhanced = ENHANCED.exec(lines[0] ?? '')?.[1] ?? null;
  const text = lines.map(line => (enhanced ? line.replace(ENHANCED, '') : line).trim()).join(' ');
  return { code, enhanced, text: printable(text) };
}

/** What a remote host wrote, fit for a log line or a terminal: control characters become spaces. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ').trim();
}
