// What the HTTP port says no with, whoever says it: a problem document (RFC 9457), in one form.

const TITLES = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
} as const;

export type ProblemStatus = keyof typeof TITLES;

export const PROBLEM_TYPE = 'application/problem+json';

/** `more` goes into the document beside what each has. */
export function problemText(status: ProblemStatus, detail?: string, more: object = {}): string {
  return JSON.stringify({ type: 'about:blank', title: TITLES[status], status, ...(detail && { detail }), ...more });
}

/** As it goes over the wire where nobody writes answers for us; the connection ends with it. */
export function problemBytes(status: ProblemStatus, detail: string): string {
  const body = problemText(status, detail);
  const lines = [
    `HTTP/1.1 ${status} ${TITLES[status]}`,
    `Date: ${new Date().toUTCString()}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

export function isProblemStatus(status: number): status is ProblemStatus {
  return status in TITLES;
}
