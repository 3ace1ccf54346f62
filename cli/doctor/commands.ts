import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { CliError, rootOf } from '../errors.ts';
import { table, type Terminal } from '../terminal.ts';
import type { Check, Finding } from './finding.ts';

const CHECK_MILLIS = 10_000;

/** Adds `doctor`: everything that fails in silence, looked at once. */
export function addDoctorCommand(program: Command, terminal: () => Terminal, variables: NodeJS.ProcessEnv): void {
  program
    .command('doctor')
    .description('check an installation for everything that fails in silence, and say how to mend it')
    .action(async () => {
      const findings = await examine(variables);
      terminal().result({ findings }, () => report(findings));
      const problems = findings.filter(({ status }) => status === 'problem').length;
      if (problems > 0)
        throw new CliError('PROBLEMS_FOUND', `${problems} of ${findings.length} checks found a problem.`);
    });
}

async function examine(variables: NodeJS.ProcessEnv): Promise<readonly Finding[]> {
  const [{ readInstallation }, { callbackChecks }, { cloudChecks }] = await Promise.all([
    import('./setting.ts'),
    import('./callback.ts'),
    import('./cloud.ts'),
  ]);
  const installation = readInstallation(variables);
  const checks = [...callbackChecks(installation), ...cloudChecks(installation)];
  return (await Promise.all(checks.map(findingsOf))).flat();
}

/** A check that fails, or that hangs, has found a problem too. */
async function findingsOf({ name, run }: Check): Promise<readonly Finding[]> {
  const timer = new AbortController();
  const over = sleep(CHECK_MILLIS, undefined, timer).then(() => {
    throw new Error(`no answer within ${CHECK_MILLIS / 1_000} s`);
  });
  try {
    const outcomes = await Promise.race([run(), over]);
    return outcomes.map((outcome) => Object.assign({ check: name }, outcome));
  } catch (error) {
    const fix = 'see that it can be reached from here, and that your account may look at it';
    return [{ check: name, status: 'problem', detail: `could not be checked: ${rootOf(error)}`, fix }];
  } finally {
    timer.abort();
  }
}

const MARKS = { ok: '✓', problem: '✗', skipped: '–' } as const;

function report(findings: readonly Finding[]): string {
  const rows = findings.map(({ check, status, detail }) => [MARKS[status], check, detail]);
  const fixes = findings.flatMap(({ check, fix }) => (fix === undefined ? [] : [`\n${check}:\n  ${fix}`]));
  return [table([], rows), ...fixes].join('\n');
}
