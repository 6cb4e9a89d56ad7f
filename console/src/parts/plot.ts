import uPlot from "uplot";
import type { Series } from "./chart";
import { duration } from "./text";

const HEIGHT = 176;
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hour12: false });
/** The API's days are those of UTC. */
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const DAY_SECONDS = 86_400;
const COUNTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 10_000_000];
const MILLISECONDS = [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];
const SHORT = new Intl.NumberFormat("en", { notation: "compact" });

interface Options {
  /** Lines of milliseconds; else stacked bars of counts. */
  lines: boolean;
  /** Is told which bucket the mouse is over; null: none. */
  point: (index: number | null) => void;
}

/** Draws into an element; returns what removes it. */
export function plot(host: HTMLElement, starts: number[], series: Series[], { lines, point }: Options): () => void {
  const style = getComputedStyle(document.documentElement);
  const probe = document.createElement("span");
  host.append(probe);
  // A custom property may hold light-dark(): the browser says what it is now.
  const color = (name: string): string => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color || style.color;
  };
  const length = (starts[1] ?? 1) - (starts[0] ?? 0);
  const below = starts.map(() => 0);
  const drawn = lines
    ? series.map((one) => [...one.counts])
    : series.map((one) => one.counts.map((count, index) => (below[index] = (below[index] ?? 0) + (count ?? 0))));
  // The highest is drawn first, so that each covers the lower part of the one before.
  const order = lines ? series.map((_, index) => index) : series.map((_, index) => series.length - 1 - index);
  // A point of a line stands for its bucket, and stands in the middle of it.
  const places = lines ? starts.map((start) => start + length / 2) : starts;
  const axis = { stroke: color("--muted"), grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
  const bars = uPlot.paths.bars?.({ size: [0.85, 40], align: 1 });
  // Where the last bucket ends is not the beginning of one, and its name would not fit.
  const when = (ticks: number[], step: number) => ticks.map((one) => one > (starts.at(-1) ?? 0) ? "" : (length >= DAY_SECONDS || step >= DAY_SECONDS ? DAY : CLOCK).format(one * 1000));
  const chart = new uPlot({
    width: Math.max(200, host.clientWidth),
    height: HEIGHT,
    padding: [8, 12, 0, 0],
    legend: { show: false },
    ...(length >= DAY_SECONDS ? { tzDate: (seconds: number) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") } : {}),
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    hooks: { setCursor: [(self: uPlot) => {
      const left = self.cursor.left ?? -1;
      const index = left < 0 ? -1 : Math.floor((self.posToVal(left, "x") - (starts[0] ?? 0)) / length);
      point(index >= 0 && index < starts.length ? index : null);
    }] },
    // The last bucket is as wide as the others.
    scales: { x: { range: () => [starts[0] ?? 0, (starts.at(-1) ?? 1) + length] }, y: { range: (_self, _min, max) => [0, Math.max(lines ? 20 : 4, (max ?? 0) * 1.1)] } },
    axes: [
      { ...axis, size: 30, values: (_self, ticks, _axis, _space, step) => when(ticks, step), ...(length >= DAY_SECONDS ? { incrs: [1, 2, 7].map((days) => days * DAY_SECONDS) } : {}) },
      { ...axis, size: lines ? 58 : 46, incrs: lines ? MILLISECONDS : COUNTS, values: (_self, ticks) => ticks.map((one) => (lines ? duration(one) : SHORT.format(one))) },
    ],
    series: [{}, ...order.map((index) => {
      const one = series[index];
      const paint = color(one?.color ?? "--accent");
      return lines
        ? { label: one?.label ?? "", stroke: paint, width: 2, spanGaps: true, points: { show: true, size: 5, fill: paint, stroke: paint } }
        : { label: one?.label ?? "", stroke: paint, fill: paint, width: 0, points: { show: false }, ...(bars ? { paths: bars } : {}) };
    })],
  }, [places, ...order.map((index) => drawn[index] ?? [])] as uPlot.AlignedData, host);
  probe.remove();
  return () => {
    point(null);
    chart.destroy();
  };
}
