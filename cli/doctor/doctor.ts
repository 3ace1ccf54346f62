import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../context.ts';
import { CliError, rootMessageOf } from '../errors.ts';
import { table } from '../terminal.ts';
import { callbackChecks } from './callback.ts';
import { cloudChecks } from './cloud.ts';
import type { Check, Finding } from './finding.ts';
import { readDoctorSettings } from './settings.ts';

const CHECK_MILLIS = 10_000;

/** @throws {CliError} `PROBLEMS_FOUND` */
export async function doctorCommand(context: Context): Promise<void> {
  const settings = await readDoctorSettings(context);
  const checks = [...callbackChecks(settings, (words) => context.command(words)), ...cloudChecks(settings)];
  const findings = (await Promise.all(checks.map(findingsOf))).flat();
  context.terminal.result({ findings }, () => report(findings));
  const problems = findings.filter(({ status }) => status === 'problem').length;
  if (problems > 0) throw new CliError('PROBLEMS_FOUND', `${problems} of ${findings.length} checks found a problem.`);
}

/** Runs a check. One that fails or hangs has found a problem, too. */
async function findingsOf({ name, run }: Check): Promise<readonly Finding[]> {
  const timer = new AbortController();
  const over = sleep(CHECK_MILLIS, undefined, timer).then(() => {
    throw new Error(`no answer within ${CHECK_MILLIS / 1_000} s`);
  });
  try {
    const outcomes = await Promise.race([run(), over]);
    return outcomes.map((outcome) => Object.assign({ check: name }, outcome));
  } catch (error) {
    const fix = 'check that it can be reached from here, and that your account may read it';
    return [{ check: name, status: 'problem', detail: `could not be checked: ${rootMessageOf(error)}`, fix }];
  } finally {
    timer.abort();
  }
}

const MARKS = { ok: '✓', problem: '✗', unchecked: '–' } as const;

function report(findings: readonly Finding[]): string {
  const rows = findings.map(({ check, status, detail }) => [MARKS[status], check, detail]);
  const fixes = findings.flatMap(({ check, fix }) => (fix === undefined ? [] : [`\n${check}:\n  ${fix}`]));
  return [table([], rows), ...fixes].join('\n');
}
