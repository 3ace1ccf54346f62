import type { Terminal } from '../cli/terminal.ts';
import { summaryOf } from './apply.ts';
import type { InstallationSpec } from './installation.ts';
import type { ResourceChange } from './plan.ts';
import type { Shell } from './shell.ts';
import { alertConditions, dashboard } from './steps/monitoring.ts';

/** US dollars a month for one condition of an alert: https://cloud.google.com/stackdriver/pricing. */
const CONDITION_PRICE = 0.1;

/** Reports what a deployment created, what it costs while idle, and how to see the first event. */
export async function reportDeployment(
  installation: InstallationSpec,
  changes: readonly ResourceChange[],
  shell: Shell,
  terminal: Terminal,
): Promise<void> {
  const dashboardPage = await dashboardUrl(installation, shell);
  const callbackUrl = shell.valueOf('CALLBACK_URL');
  const conditions = alertConditions();
  const idle = `about $${(conditions * CONDITION_PRICE).toFixed(2)} a month`;
  const titles = (kind: ResourceChange['kind']) => changes.flatMap((each) => (each.kind === kind ? [each.title] : []));
  const [created, updated] = [titles('created'), titles('updated')];
  const unchanged = titles('unchanged').length;
  terminal.result({ created, updated, unchanged, callbackUrl, dashboard: dashboardPage, idleCost: idle }, () =>
    [
      ...created.map((title) => `+ ${title}`),
      ...updated.map((title) => `~ ${title}`),
      `Deployed: ${summaryOf(changes)}.`,
      ...(callbackUrl === undefined ? [] : [`Callback URL: ${callbackUrl}`]),
      `Dashboard: ${dashboardPage}`,
      `Idle cost: ${idle} for ${conditions} alert conditions; services without requests cost nothing (docs/deploy.md).`,
      'See the first event:',
      '  npm run -s cli -- events listen',
      '  npm run -s cli -- events trigger batch.succeeded     (in a second terminal)',
      '  npm run -s cli -- status',
    ].join('\n'),
  );
}

/** Without the right to list dashboards, returns the page of all dashboards. */
async function dashboardUrl(installation: InstallationSpec, shell: Shell): Promise<string> {
  const { exitCode, stdout } = await shell.run(dashboard(installation).read);
  const [found] = exitCode === 0 ? (JSON.parse(stdout) as readonly { readonly name?: string }[]) : [];
  const id = found?.name?.split('/').at(-1);
  const page = id === undefined ? 'dashboards' : `dashboards/builder/${id}`;
  return `https://console.cloud.google.com/monitoring/${page}?project=${installation.project}`;
}
