// What comes to no route, byte for byte: it is answered with a problem document as long as HTTP lets it be, and in no
// words of the programs underneath.
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN } from '../support/api.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({ POSTERN_UPSTREAMS: 'null://?name=main' });
});
afterAll(() => gateway.end());

/** Everything that comes back until the other side closes; ours stays open for writing. */
function say(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(gateway.httpPort, '127.0.0.1', () => socket.write(bytes));
    socket.setEncoding('utf8');
    socket.on('data', chunk => {
      answer += chunk;
    });
    socket.on('error', reject).on('end', () => {
      socket.destroy();
      resolve(answer);
    });
  });
}

type Answer = { status: number; fields: string; body: string };

function read(answer: string): Answer {
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  const [line = '', ...fields] = head.split('\r\n');
  return { status: Number(line.split(' ')[1]), fields: fields.join('\n').toLowerCase(), body };
}

const OURS = 'Host: x\r\nConnection: close\r\n';
const LOGIN = `Authorization: ${ADMIN}\r\n`;
const JSON_BODY = 'Content-Type: application/json\r\n';

describe('is a problem document:', () => {
  it.each<[string, string, number, string]>([
    ['a URL that is none', `GET /%zz HTTP/1.1\r\n${OURS}\r\n`, 400, 'the URL is none: '],
    ['one below the API', `GET /api/v1/routes/%zz HTTP/1.1\r\n${OURS}${LOGIN}\r\n`, 400, 'the URL is none: '],
    ['half a letter', `GET /api/v1/routes/%E0%A4 HTTP/1.1\r\n${OURS}${LOGIN}\r\n`, 400, 'the URL is none: '],
    ['half a reserved one', `GET /api/v1/routes/%2F%E0 HTTP/1.1\r\n${OURS}${LOGIN}\r\n`, 400, 'the URL is none: '],
    [
      'an endless name',
      `GET /api/v1/routes/${'x'.repeat(1_001)} HTTP/1.1\r\n${OURS}${LOGIN}\r\n`,
      414,
      'a name in the',
    ],
    ['an endless URL', `GET /${'x'.repeat(20_000)} HTTP/1.1\r\n${OURS}\r\n`, 431, 'the URL and the header fields '],
    ['endless fields', `GET / HTTP/1.1\r\n${OURS}X: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'the URL and the header '],
    ['a URL of elsewhere', `GET http://elsewhere.example/x HTTP/1.1\r\n${OURS}\r\n`, 404, 'no such page: '],
    ['a page that is none', `GET /nothing?secret HTTP/1.1\r\n${OURS}\r\n`, 404, 'no such page: /nothing'],
    [
      'a body for nobody',
      `POST /nothing HTTP/1.1\r\n${OURS}${JSON_BODY}Content-Length: 1\r\n\r\n{`,
      404,
      'no such page: ',
    ],
    [
      'a type that is none',
      `POST /nothing HTTP/1.1\r\n${OURS}Content-Type: ;\r\nContent-Length: 1\r\n\r\nx`,
      415,
      'a body ',
    ],
    ['an invented method', `MAKE / HTTP/1.1\r\n${OURS}\r\n`, 400, 'this cannot be read as HTTP'],
    ['a method of others', `PROPFIND /api/v1/routes HTTP/1.1\r\n${OURS}\r\n`, 501, 'there is no method PROPFIND here'],
    ['CONNECT', `CONNECT elsewhere.example:443 HTTP/1.1\r\n${OURS}\r\n`, 501, 'there is no method CONNECT here'],
    ['OPTIONS', `OPTIONS /api/v1/routes HTTP/1.1\r\n${OURS}${LOGIN}\r\n`, 405, 'only GET, HEAD'],
    ['no HTTP', '\x16\x03\x01\x02\0\x01\0\x01', 400, 'this cannot be read as HTTP'],
    ['SMTP', 'EHLO client.example\r\n', 400, 'this cannot be read as HTTP'],
    ['HTTP/3.1', `GET / HTTP/3.1\r\n${OURS}\r\n`, 505, 'HTTP/1.1 is spoken here'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'this cannot be read as HTTP'],
    ['no Host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'the field Host is missing'],
    ['a field that is none', `GET / HTTP/1.1\r\n${OURS}what is this\r\n\r\n`, 400, 'this cannot be read as HTTP'],
    [
      'a length that is none',
      `PUT /api/v1/routes/x HTTP/1.1\r\n${OURS}Content-Length: -1\r\n\r\n`,
      400,
      'this cannot be ',
    ],
    ['two lengths', `PUT / HTTP/1.1\r\n${OURS}Content-Length: 1\r\nContent-Length: 2\r\n\r\nx`, 400, 'this cannot be '],
    [
      'a length and chunks',
      `PUT / HTTP/1.1\r\n${OURS}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
      400,
      'this ',
    ],
    [
      'a chunk that is none',
      `PUT /api/v1/routes/x HTTP/1.1\r\n${OURS}${LOGIN}${JSON_BODY}Transfer-Encoding: chunked\r\n\r\nmany\r\n`,
      ...([400, 'this cannot be read as HTTP'] as const),
    ],
    ['what nobody promises', `GET / HTTP/1.1\r\n${OURS}Expect: a-pony\r\n\r\n`, 417, 'nothing but 100-continue '],
    [
      'a body of another type',
      `PUT /api/v1/routes/x HTTP/1.1\r\n${OURS}${LOGIN}Content-Length: 1\r\n\r\nx`,
      415,
      'a body ',
    ],
    [
      'too large a body',
      `PUT /api/v1/routes/x HTTP/1.1\r\n${OURS}${LOGIN}${JSON_BODY}Content-Length: 70000\r\n\r\n{`,
      ...([413, 'the body is larger than 64 KB'] as const),
    ],
  ])('%s', async (_title, bytes, status, detail) => {
    const answer = read(await say(bytes));
    expect(answer.fields).toContain('content-type: application/problem+json');
    expect(answer.fields).toContain('connection: close');
    const document = JSON.parse(answer.body);
    expect(document).toEqual({
      ...{ type: 'about:blank', title: expect.stringMatching(/^\w{3}/), status },
      detail: expect.stringContaining(detail),
    });
    expect(answer.status).toBe(status);
    expect(answer.body).not.toMatch(/FST_|HPE_|ERR_|node_modules|secret/);
  });
});

it('a request that was read has its answer before the fault behind it has', async () => {
  const bytes = `GET /api/v1/upstreams HTTP/1.1\r\nHost: x\r\n${LOGIN}\r\nwhat is this\r\n\r\n`;
  const answers = (await say(bytes)).split(/(?=HTTP\/1\.1 )/);
  expect(answers.map(answer => read(answer).status)).toEqual([200, 400]);
});

it('Expect: 100-continue is obeyed', async () => {
  const fields = `${OURS}${LOGIN}${JSON_BODY}Content-Length: 2\r\nExpect: 100-continue\r\n`;
  const answer = await say(`PUT /api/v1/routes/x HTTP/1.1\r\n${fields}\r\n{}`);
  expect(answer.match(/HTTP\/1\.1 \d\d\d/g)).toEqual(['HTTP/1.1 100', 'HTTP/1.1 422']);
});
