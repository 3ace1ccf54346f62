import { type Life, live, type Version } from './life.ts';
import type { Figure, Section } from './measure.ts';

type Row = Pick<Figure, 'name' | 'unit' | 'goal' | 'isRate'> & { readonly key: keyof Life };

const BESIDE_STRAIGHTFORWARD: readonly Row[] = [
  { name: 'cold start: process start to the first 200', unit: 'ms', key: 'coldMillis', goal: 0.6 },
  { name: 'latency, one at a time, p50', unit: 'ms', key: 'p50Millis', goal: 0.5 },
  { name: 'latency, one at a time, p99', unit: 'ms', key: 'p99Millis', goal: 0.55 },
  { name: '1,200 deliveries, 80 at once', unit: 's', key: 'loadSeconds', goal: 0.75 },
  { name: 'processor time per delivery of them', unit: 'ms', key: 'loadCpuMillis', goal: 0.6 },
  { name: '3,000 forged deliveries refused', unit: 's', key: 'forgedSeconds', goal: 0.5 },
  { name: 'copies of one delivery', unit: 'per s', key: 'duplicatesPerSecond', isRate: true },
  { name: 'peak memory over all of it', unit: 'MiB', key: 'peakMiB', goal: 0.7 },
];

const BESIDE_FLOOR: readonly Row[] = [
  { name: 'cold start: process start to the first 200', unit: 'ms', key: 'coldMillis', goal: 1.3 },
  { name: 'latency, one at a time, p50', unit: 'ms', key: 'p50Millis', goal: 1.3 },
  { name: 'latency, one at a time, p99', unit: 'ms', key: 'p99Millis', goal: 1.2 },
  { name: 'processor time, one at a time, requests 1 to 100', unit: 'ms', key: 'firstCpuMillis', goal: 1.4 },
  { name: 'processor time, one at a time, after them', unit: 'ms', key: 'laterCpuMillis', goal: 1.4 },
  { name: '1,200 deliveries, 80 at once', unit: 's', key: 'loadSeconds', goal: 0.85 },
  { name: 'processor time per delivery of them', unit: 'ms', key: 'loadCpuMillis', goal: 0.95 },
  { name: 'peak memory', unit: 'MiB', key: 'loadPeakMiB', goal: 0.75 },
];

/** Peak resident memory of the whole load in a function of 256 MiB, in MiB. */
const SMALL = { memoryMiB: 256, limitMiB: 200 };

export type Lives = Readonly<Record<Version, readonly Life[]>>;

/** Runs the versions round by round; their order alternates, because the emulators become slower with age. */
export async function liveInTurns(
  versions: readonly Version[],
  rounds: number,
  tell: (text: string) => void,
): Promise<Lives> {
  const lives: Record<Version, Life[]> = { product: [], straightforward: [], floor: [] };
  await live(versions.at(-1) ?? 'product'); // The first calls of the emulators are slow, whichever version makes them.
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? versions : versions.toReversed();
    for (const version of order) lives[version].push(await live(version));
    tell(`geminiCallback: round ${round + 1} of ${rounds}`);
  }
  return lives;
}

export async function besideStraightforward({ product, straightforward }: Lives): Promise<Section> {
  const small: Life[] = [];
  for (let round = 0; round < Math.min(product.length, 3); round++) small.push(await live('product', SMALL.memoryMiB));
  const inSmall = {
    name: `peak memory in a function of ${SMALL.memoryMiB} MiB, beside ${SMALL.limitMiB}`,
    unit: 'MiB',
    product: small.map(({ peakMiB }) => peakMiB),
    reference: small.map(() => SMALL.limitMiB),
    goal: 1,
  };
  const figures = [...figuresOf(BESIDE_STRAIGHTFORWARD, product, straightforward), inSmall];
  return { title: 'geminiCallback', beside: 'straightforward', figures };
}

export function besideFloor({ product, floor }: Lives): Section {
  return {
    title: 'geminiCallback beside the floor',
    beside: 'floor',
    figures: figuresOf(BESIDE_FLOOR, product, floor),
  };
}

function figuresOf(rows: readonly Row[], product: readonly Life[], reference: readonly Life[]): readonly Figure[] {
  return rows.map(({ key, ...row }) => ({
    ...row,
    product: product.map((life) => life[key]),
    reference: reference.map((life) => life[key]),
  }));
}
