import { readdirSync, readFileSync } from 'node:fs';

/** The resources that a process has used so far. */
export interface Usage {
  readonly cpuMillis: number;
  readonly peakBytes: number;
}

/** Reads Linux' own books, so that the process need not take part; those of a thread that has ended are gone. */
export function usageOf(pid: number): Usage {
  const threads = readdirSync(`/proc/${pid}/task`);
  const nanos = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  const [, peak = '0'] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  const cpuMillis = nanos.reduce((sum, each) => sum + Number(each) / 1_000_000, 0);
  return { cpuMillis, peakBytes: Number(peak) * 1_024 };
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
  readonly product: readonly number[];
  /** The same of what it is compared with; absent where nothing is. */
  readonly reference?: readonly number[];
  /** More is better of a rate; of all else, less. */
  readonly isRate?: boolean | undefined;
  /** The goal of the ratio product / reference: a maximum, for a rate a minimum; absent where it is only reported. */
  readonly goal?: number | undefined;
}

/** Figures that are compared with the same version. */
export interface Section {
  readonly title: string;
  /** The name of the version to compare with; empty where the figures stand alone. */
  readonly beside: string;
  readonly figures: readonly Figure[];
}

export interface Summary {
  readonly name: string;
  readonly product: string;
  readonly reference: string;
  /** Median of the rounds' ratios; of the figure itself where it stands alone. */
  readonly value: number;
  readonly ratio: string;
  readonly spread: string;
  readonly goal: string;
  readonly isMet: boolean;
}

export function summaryOf({ name, unit, product, reference, isRate = false, goal }: Figure): Summary {
  const ratios = reference && product.map((value, round) => value / (reference[round] ?? Number.NaN));
  const value = median(ratios ?? product);
  const of = (values: readonly number[]) => `${format(median(values))} ${unit}`;
  return {
    name,
    product: of(product),
    reference: reference ? of(reference) : '',
    value,
    ratio: ratios ? format(value) : '',
    spread: ratios ? `${format(Math.min(...ratios))} to ${format(Math.max(...ratios))}` : '',
    goal: goal === undefined ? '' : `${isRate ? '≥' : '≤'} ${goal}`,
    isMet: goal === undefined || (isRate ? value >= goal : value <= goal),
  };
}

/** One line for the terminal. */
export function lineOf(figure: Figure): string {
  const { name, product, reference, ratio, spread, goal, isMet } = summaryOf(figure);
  const figures = reference === '' ? product : `${product} | ${reference}`;
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
