import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** CPU time in clock ticks. */
interface CpuTimes {
  /** Includes the time that the hypervisor took for other machines. */
  readonly total: number;
  readonly idle: number;
  /** Used by this process and its descendants. */
  readonly own: number;
}

/** The machine's load over a period. Shares are of the CPU time of all cores, from 0 to 1. */
interface MachineLoad {
  /** Missing where the system has no /proc. */
  readonly shares: { readonly own: number; readonly others: number; readonly idle: number } | undefined;
  readonly eventLoopDelayMillis: { readonly p99: number; readonly max: number };
  readonly loadAverage: number;
}

/** The run is starved when others use this share or more and no CPU time is left, or when its own event loop stalls. */
const STARVED = { others: 0.4, idle: 0.05, eventLoopDelayMillis: 1_000 };

/** Measures the machine's load from its start until `stop`. */
export class MachineMonitor {
  readonly #delay = monitorEventLoopDelay({ resolution: 20 });
  readonly #start = readCpuTimes();

  constructor() {
    this.#delay.enable();
  }

  stop(): MachineLoad {
    this.#delay.disable();
    const eventLoopDelayMillis = { p99: this.#delay.percentile(99) / 1e6, max: this.#delay.max / 1e6 };
    const end = readCpuTimes();
    const shares = this.#start && end && sharesBetween(this.#start, end);
    return { shares, eventLoopDelayMillis, loadAverage: loadavg()[0] ?? 0 };
  }
}

/** Returns true when the load explains why a run did not settle in time. */
export function isStarved({ shares, eventLoopDelayMillis, loadAverage }: MachineLoad): boolean {
  if (eventLoopDelayMillis.p99 >= STARVED.eventLoopDelayMillis) return true;
  if (shares === undefined) return loadAverage >= 4 * availableParallelism();
  return shares.others >= STARVED.others && shares.idle <= STARVED.idle;
}

/** Returns the load in words for people. */
export function describeLoad({ shares, eventLoopDelayMillis, loadAverage }: MachineLoad): string {
  const percent = (share: number) => `${Math.round(share * 100)} %`;
  const cpu = shares
    ? `other processes used ${percent(shares.others)} of its CPU time, the run ${percent(shares.own)}, ${percent(shares.idle)} was idle`
    : 'CPU shares unknown';
  const { p99, max } = eventLoopDelayMillis;
  const loop = `the runner's event loop was late by ${Math.round(p99)} ms (99th percentile), ${Math.round(max)} ms at most`;
  return `${availableParallelism()} cores, load average ${loadAverage.toFixed(1)}, ${cpu}; ${loop}`;
}

function sharesBetween(start: CpuTimes, end: CpuTimes): MachineLoad['shares'] {
  const total = Math.max(1, end.total - start.total);
  const idle = (end.idle - start.idle) / total;
  // Descendants that have ended without being waited for are missing in `own`.
  const own = Math.min(1 - idle, Math.max(0, end.own - start.own) / total);
  return { own, idle, others: Math.max(0, 1 - idle - own) };
}

function readCpuTimes(): CpuTimes | undefined {
  try {
    const [first = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
    const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softIrq = 0, stolen = 0] = first
      .split(/\s+/)
      .slice(1)
      .map(Number);
    const total = user + nice + system + idle + wait + irq + softIrq + stolen;
    return { total, idle: idle + wait, own: ownTicks() };
  } catch {
    return undefined;
  }
}

/** Sums the CPU time of this process and its descendants, with that of children that were waited for. */
function ownTicks(): number {
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap(readProcess);
  const own = new Set([process.pid]);
  for (let size = 0; size < own.size;) {
    size = own.size;
    for (const { pid, parent } of processes) if (own.has(parent)) own.add(pid);
  }
  return processes.filter(({ pid }) => own.has(pid)).reduce((sum, { ticks }) => sum + ticks, 0);
}

function readProcess(pid: string): readonly { pid: number; parent: number; ticks: number }[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may hold anything: proc_pid_stat(5).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return [{ pid: Number(pid), parent: Number(fields[1]), ticks }];
  } catch {
    return [];
  }
}
