// Numbers of the overview: the service's counts, and what is counted in lists where it has none yet.
import type { LatestDeliveriesAnswer, StatisticsAnswer } from "../api/documents";

export type SeenDelivery = LatestDeliveriesAnswer["deliveries"]["collectionItems"][number];
type Counted = Pick<SeenDelivery, "status" | "creationDate" | "attempts">;

/** Of a chart: when its first bucket begins, in seconds since 1970, and how many there are. */
export interface Steps {
  begin: number;
  stepSeconds: number;
  buckets: number;
}

export interface Counts {
  starts: number[];
  published: number[];
  delivered: number[];
  retried: number[];
  failed: number[];
  /** Milliseconds; null where nothing was answered. */
  half: (number | null)[];
  most: (number | null)[];
}

export const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

/** The service's counts are a minute late: while a workspace is young, more can be seen in its latest events and deliveries. */
export function fromStatistics(points: StatisticsAnswer["statistics"]["points"], here: Counts): Counts {
  const more = (one: number[], other: number[]) => (one.length === other.length && sum(other) > sum(one) ? other : one);
  const answered = points.some((one) => one.p50Ms !== null);
  return {
    starts: points.map((one) => new Date(one.start).getTime() / 1000),
    published: more(points.map((one) => one.events), here.published),
    delivered: more(points.map((one) => one.delivered), here.delivered),
    retried: points.map((one) => one.attemptsFailed),
    failed: more(points.map((one) => one.failed), here.failed),
    half: answered || points.length !== here.half.length ? points.map((one) => one.p50Ms) : here.half,
    most: answered || points.length !== here.most.length ? points.map((one) => one.p95Ms) : here.most,
  };
}

export function countedHere(steps: Steps, events: readonly { creationDate: string }[], deliveries: readonly Counted[]): Counts {
  const of = (status: string) => perStep(steps, deliveries.filter((one) => one.status === status));
  const durations = starts(steps).map((): number[] => []);
  for (const one of deliveries) durations[stepOf(steps, one.creationDate)]?.push(...durationsOf([one]));
  return {
    starts: starts(steps),
    published: perStep(steps, events),
    delivered: of("DELIVERED"),
    retried: of("PENDING"),
    failed: of("FAILED"),
    half: durations.map((one) => shareOf(one, 0.5)),
    most: durations.map((one) => shareOf(one, 0.95)),
  };
}

/** How many were accepted in each step. */
export function perStep(steps: Steps, items: readonly { creationDate: string }[]): number[] {
  const counts = starts(steps).map(() => 0);
  for (const one of items) {
    const index = stepOf(steps, one.creationDate);
    const before = counts[index];
    if (before !== undefined) counts[index] = before + 1;
  }
  return counts;
}

/** Of all attempts that were answered, in milliseconds. */
export function durationsOf(deliveries: readonly Counted[]): number[] {
  return deliveries.flatMap((one) => one.attempts.filter((attempt) => attempt.statusCode !== null).map((attempt) => attempt.durationMs));
}

/** What that share of the numbers does not exceed. */
export function shareOf(numbers: readonly number[], share: number): number | null {
  return [...numbers].sort((a, b) => a - b)[Math.max(0, Math.ceil(share * numbers.length) - 1)] ?? null;
}

function starts({ begin, stepSeconds, buckets }: Steps): number[] {
  return Array.from({ length: buckets }, (_, index) => begin + index * stepSeconds);
}

function stepOf({ begin, stepSeconds }: Steps, date: string): number {
  return Math.floor((new Date(date).getTime() / 1000 - begin) / stepSeconds);
}
