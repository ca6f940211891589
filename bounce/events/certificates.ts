/**
 * Keys of signing certificates by their address, fetched once a day each. Whoever knows a topic's name can make addresses
 * up that look right, so failures are remembered too, and few are fetched a minute.
 */
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../../src/platform/clock.ts';
import type { Opening } from './door.ts';
import { keyOfCertificate } from './signatures.ts';

const FRESH_MS = 86_400_000;
const FAILURE_FRESH_MS = 60_000;
const MINUTE_MS = 60_000;
const MAX_FETCHES_A_MINUTE = 10;
/** Amazon changes a region's certificate about once a year. */
const MAX_KEPT = 50;

type Found = KeyObject | Opening;
type Kept = { readonly found: Promise<Found>; until: number };

export function createCertificateShelf(get: (url: string) => Promise<Buffer>, clock: Clock) {
  const shelf = new Map<string, Kept>();
  let minuteBegan = 0;
  let fetches = 0;

  const mayFetch = () => {
    if (clock() - minuteBegan >= MINUTE_MS) {
      minuteBegan = clock();
      fetches = 0;
    }
    fetches += 1;
    return fetches <= MAX_FETCHES_A_MINUTE;
  };

  return async (url: string): Promise<Found> => {
    const known = shelf.get(url);
    if (known && known.until > clock()) return known.found;
    if (!mayFetch()) return { kind: 'unavailable', why: 'too many certificates were asked for' };
    if (shelf.size >= MAX_KEPT) shelf.delete(shelf.keys().next().value!);
    // Whoever asks meanwhile waits for the same answer.
    const kept: Kept = { found: fetchKey(url, get, clock), until: clock() + FRESH_MS };
    shelf.set(url, kept);
    const found = await kept.found;
    if ('kind' in found) kept.until = clock() + FAILURE_FRESH_MS;
    return found;
  };
}

async function fetchKey(url: string, get: (url: string) => Promise<Buffer>, clock: Clock): Promise<Found> {
  try {
    const key = keyOfCertificate(await get(url), clock());
    return key ?? { kind: 'refused', why: 'unusable-certificate' };
  } catch (cause) {
    return { kind: 'unavailable', why: 'the signing certificate could not be fetched', cause };
  }
}
