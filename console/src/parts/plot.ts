import uPlot from "uplot";
import type { Series } from "./chart";

const HEIGHT = 180;
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hour12: false });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** Draws stacked bars into an element; returns what removes them. */
export function plot(host: HTMLElement, starts: number[], series: Series[]): () => void {
  const style = getComputedStyle(document.documentElement);
  const probe = document.createElement("span");
  host.append(probe);
  // A custom property may hold light-dark(): the browser says what it is now.
  const color = (name: string): string => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color || style.color;
  };
  const below = starts.map(() => 0);
  const stacked = series.map((one) => one.counts.map((count, index) => (below[index] = (below[index] ?? 0) + count)));
  const axis = { stroke: color("--muted"), grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
  const bars = uPlot.paths.bars?.({ size: [0.85, 40], align: 1 });
  // The highest is drawn first, so that each covers the lower part of the one before.
  const order = series.map((_, index) => series.length - 1 - index);
  const chart = new uPlot({
    width: Math.max(200, host.clientWidth),
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    // The last bucket is as wide as the others.
    scales: { x: { range: () => [starts[0] ?? 0, (starts.at(-1) ?? 1) + ((starts[1] ?? 1) - (starts[0] ?? 0))] }, y: { range: (_self, _min, max) => [0, Math.max(4, max * 1.1)] } },
    axes: [{ ...axis, values: (_self, ticks, _axis, _space, step) => ticks.map((one) => (step >= 86_400 ? DAY : CLOCK).format(one * 1000)) }, { ...axis, size: 46, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000] }],
    series: [{}, ...order.map((index) => {
      const one = series[index];
      const fill = color(one?.color ?? "--accent");
      return { label: one?.label ?? "", stroke: fill, fill, width: 0, points: { show: false }, ...(bars ? { paths: bars } : {}) };
    })],
  }, [starts, ...order.map((index) => stacked[index] ?? [])], host);
  probe.remove();
  return () => chart.destroy();
}
