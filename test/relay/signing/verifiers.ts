// Verifiers that nobody here wrote: mailauth and dkimpy, each with our DNS in place of the world's.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

export type Zone = Readonly<Record<string, string>>;

const { dkimVerify } = createRequire(import.meta.url)('mailauth/lib/dkim/verify') as {
  dkimVerify: (
    message: Buffer,
    options: { resolver: (name: string, type: string) => Promise<string[][]> },
  ) => Promise<{ results: { signingDomain: string; algo: string; status: { result: string } }[] }>;
};

/** `algorithm result`, one a signature. */
export async function byMailauth(message: Buffer, zone: Zone): Promise<string[]> {
  const resolver = async (name: string) => {
    if (zone[name]) return [[zone[name]]];
    throw Object.assign(new Error('nothing there'), { code: 'ENOTFOUND' });
  };
  const { results } = await dkimVerify(message, { resolver });
  return results.map(({ algo, status }) => `${algo} ${status.result}`);
}

const DKIMPY = `
import sys, json, dkim
request = json.load(sys.stdin)
message = request['message'].encode('latin-1')
def txt(name, timeout=5):
    return request['zone'].get(name.decode().rstrip('.'), '').encode()
for i in range(request['count']):
    verifier = dkim.DKIM(message)
    try:
        passed = verifier.verify(idx=i, dnsfunc=txt)
    except Exception as error:
        passed = False
        print(repr(error), file=sys.stderr)
    print(verifier.signature_fields.get(b'a', b'?').decode(), 'pass' if passed else 'fail')
`;

/** Debian's own python3, whatever else is on the path: there it is installed. */
export function byDkimpy(message: Buffer, zone: Zone, count: number): string[] {
  const input = JSON.stringify({ message: message.toString('latin1'), zone, count });
  return linesOf(spawnSync('/usr/bin/python3', ['-c', DKIMPY], { input, encoding: 'utf8' }));
}

function linesOf({ stdout, stderr, status }: { stdout: string; stderr: string; status: number | null }): string[] {
  if (status !== 0) throw new Error(stderr);
  return stdout.trim().split('\n');
}
