// Every figure that a scenario can report: its heading, how many digits are honest, and which way is better.

export interface Metric {
  readonly heading: string;
  readonly digits: number;
  readonly better: 'more' | 'less';
  /** Worth the room to show how far the rounds lie apart. */
  readonly isHeadline?: true;
}

export const METRICS = {
  acceptedPerSecond: { heading: 'accept/s', digits: 0, better: 'more' },
  relayedPerSecond: { heading: 'relay/s', digits: 0, better: 'more', isHeadline: true },
  cpuPer1k: { heading: 'CPU-s/1k', digits: 2, better: 'less', isHeadline: true },
  postgresCpuPer1k: { heading: 'PostgreSQL', digits: 2, better: 'less' },
  redisCpuPer1k: { heading: 'Redis', digits: 2, better: 'less' },
  pssMb: { heading: 'PSS MB', digits: 0, better: 'less' },
  nodePssMb: { heading: 'node MB', digits: 0, better: 'less' },
  acceptP50Ms: { heading: 'accept p50', digits: 1, better: 'less' },
  acceptP99Ms: { heading: 'p99 ms', digits: 1, better: 'less' },
  arriveP50Ms: { heading: 'arrive p50', digits: 1, better: 'less', isHeadline: true },
  arriveP99Ms: { heading: 'p99 ms', digits: 1, better: 'less' },
  wholeMs: { heading: 'whole ms', digits: 0, better: 'less', isHeadline: true },
  cpuPerMessage: { heading: 'CPU-s each', digits: 3, better: 'less' },
  acceptedPerSecondFirst: { heading: 'accept/s first', digits: 0, better: 'more' },
  acceptedPerSecondLast: { heading: 'last 10th', digits: 0, better: 'more' },
  pssEmptyMb: { heading: 'PSS MB empty', digits: 0, better: 'less' },
  pssFullMb: { heading: 'full', digits: 0, better: 'less' },
  growthKb: { heading: 'KB each', digits: 2, better: 'less' },
  firstFreshMs: { heading: 'fresh ms', digits: 0, better: 'less', isHeadline: true },
  drainedPerSecond: { heading: 'drain/s', digits: 0, better: 'more', isHeadline: true },
  drainSeconds: { heading: 'drain s', digits: 0, better: 'less' },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof METRICS;

/** A figure that could not be taken is missing, never 0. */
export type Figures = Partial<Record<MetricName, number>>;
