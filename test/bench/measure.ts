import { readFileSync } from 'node:fs';

/** What a process has cost so far. */
export interface Usage {
  readonly cpuMillis: number;
  readonly peakBytes: number;
}

/** Linux' unit of processor time is a hundredth of a second. */
const MILLIS_PER_TICK = 10;

/** Reads Linux' own books, so that the process need not take part. */
export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [, peak = '0'] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { cpuMillis: ticks * MILLIS_PER_TICK, peakBytes: Number(peak) * 1_024 };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = 0, high = 0] = sorted.length % 2 === 0 ? sorted.slice(middle - 1, middle + 1) : sorted.slice(middle);
  return sorted.length % 2 === 0 ? (low + high) / 2 : low;
}

/** A figure of both versions, round by round. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  /** What the ratio ours/theirs is to be: at most, or at least; absent where it is only told. */
  readonly goal?: { readonly atMost: number } | { readonly atLeast: number } | undefined;
}

/** One line: medians, the median of the rounds' ratios with their spread, and whether the goal is met. */
export function lineOf({ name, unit, ours, theirs, goal }: Figure): string {
  const ratios = ours.map((value, round) => value / (theirs[round] ?? Number.NaN));
  const ratio = median(ratios);
  const spread = `${format(Math.min(...ratios))} to ${format(Math.max(...ratios))}`;
  const figures = `${format(median(ours))} | ${format(median(theirs))} ${unit}`;
  return `${name.padEnd(44)} ${figures.padEnd(30)} ratio ${format(ratio)} (${spread})${verdictOf(ratio, goal)}`;
}

function verdictOf(ratio: number, goal: Figure['goal']): string {
  if (goal === undefined) return '';
  const met = 'atMost' in goal ? ratio <= goal.atMost : ratio >= goal.atLeast;
  return `  goal ${'atMost' in goal ? `≤ ${goal.atMost}` : `≥ ${goal.atLeast}`}  ${met ? 'met' : 'MISSED'}`;
}

function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
