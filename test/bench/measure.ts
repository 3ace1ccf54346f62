import { readFileSync } from 'node:fs';

/** The resources that a process has used so far. */
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

/** The measurements, one for each round. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly ours: readonly number[];
  /** The same of what it is held against; absent where nothing is. */
  readonly theirs?: readonly number[];
  /** More is better of a rate; of all else, less. */
  readonly isRate?: boolean | undefined;
  /** The goal of the ratio ours/theirs: a maximum, for a rate a minimum; absent where it is only reported. */
  readonly goal?: number | undefined;
}

/** Figures that are held against the same thing. */
export interface Section {
  readonly title: string;
  /** The name of the version to compare with; empty where the figures stand alone. */
  readonly beside: string;
  readonly figures: readonly Figure[];
}

export interface Summary {
  readonly name: string;
  readonly ours: string;
  readonly theirs: string;
  /** Median of the rounds' ratios; of the figure itself where it stands alone. */
  readonly value: number;
  readonly ratio: string;
  readonly spread: string;
  readonly goal: string;
  readonly isMet: boolean;
}

export function summaryOf({ name, unit, ours, theirs, isRate = false, goal }: Figure): Summary {
  const ratios = theirs && ours.map((value, round) => value / (theirs[round] ?? Number.NaN));
  const value = median(ratios ?? ours);
  const of = (values: readonly number[]) => `${format(median(values))} ${unit}`;
  return {
    name,
    ours: of(ours),
    theirs: theirs ? of(theirs) : '',
    value,
    ratio: ratios ? format(value) : '',
    spread: ratios ? `${format(Math.min(...ratios))} to ${format(Math.max(...ratios))}` : '',
    goal: goal === undefined ? '' : `${isRate ? '≥' : '≤'} ${goal}`,
    isMet: goal === undefined || (isRate ? value >= goal : value <= goal),
  };
}

/** One line for the terminal. */
export function lineOf(figure: Figure): string {
  const { name, ours, theirs, ratio, spread, goal, isMet } = summaryOf(figure);
  const figures = theirs === '' ? ours : `${ours} | ${theirs}`;
  const compared = ratio === '' ? '' : `ratio ${ratio} (${spread})`;
  const verdict = goal === '' ? '' : `  goal ${goal}  ${isMet ? 'met' : 'MISSED'}`;
  return `${name.padEnd(50)} ${figures.padEnd(26)} ${compared}${verdict}`.trimEnd();
}

/** The figures that a later run is compared with, by section and name. */
export type Baseline = Readonly<Record<string, Readonly<Record<string, number>>>>;

const REGRESSION = 2;

/**
 * Returns the figures that have doubled, or rates that have halved, since the baseline was written.
 *
 * Ratios are compared where there are any: they hold on another machine too.
 */
export function regressions(sections: readonly Section[], baseline: Baseline): readonly string[] {
  return sections.flatMap(({ title, figures }) =>
    figures.flatMap((figure) => {
      const before = baseline[title]?.[figure.name];
      const name = `${title}: ${figure.name}`;
      const { value } = summaryOf(figure);
      if (before === undefined) return `${name}: not in the baseline; write it with npm run bench -- --write`;
      const factor = figure.isRate === true ? before / value : value / before;
      return factor < REGRESSION ? [] : `${name}: was ${format(before)}, is ${format(value)}`;
    }),
  );
}

export function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
