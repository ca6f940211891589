import { deadFirst } from './dead-first.ts';
import { deferred } from './deferral.ts';
import { dispatchers, dispatchersFar } from './dispatchers.ts';
import { rcpt1000 } from './fan-out.ts';
import { light } from './latency.ts';
import type { Scenario } from './scenario.ts';
import { slowUpstream } from './slow-upstream.ts';
import { kept, large1m, large100k, once, small, tls } from './throughput.ts';

export const SCENARIOS: readonly Scenario[] = [
  kept,
  once,
  small,
  large100k,
  large1m,
  tls,
  light,
  rcpt1000,
  deferred,
  dispatchers,
  dispatchersFar,
  slowUpstream,
  deadFirst,
];
