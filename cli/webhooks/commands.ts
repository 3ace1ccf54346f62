import { type Command, Option } from 'commander';
import { isRoute, routeUrl } from '../../functions/model/route.ts';
import { Environment } from '../../functions/config/environment.ts';
import { callbackUrlSetting, firstOf, signingRouteKeys } from '../../functions/config/settings.ts';
import { usageError } from '../errors.ts';
import { table, type Terminal } from '../terminal.ts';
import { connectWebhooks, type Webhook, type WebhookChange } from './administration.ts';
import { type CreateOptions, createWebhook, type WebhookOptions } from './create.ts';
import { linesOf } from './describe.ts';
import { type RotateOptions, rotateSecret } from './rotate.ts';
import { withSecretOptions } from './secretOptions.ts';
import { SUBSCRIBABLE_TYPES } from '../../functions/model/eventTypes.ts';
import { requireEndpoint, requireEvents } from './validation.ts';

/** Adds `webhooks …`: the registered webhooks of the API key's project, and the URLs of dynamic ones. */
export function addWebhookCommands(program: Command, terminal: () => Terminal, variables: NodeJS.ProcessEnv): void {
  const webhooks = program.command('webhooks').description("administer Gemini's webhooks");

  const create = webhooks
    .command('create')
    .description('register an endpoint for all jobs of the project, keep its signing secret, and ping it')
    .requiredOption('--uri <url>', 'where events go: the URL of geminiCallback')
    .requiredOption('--events <types>', `separated by commas: ${SUBSCRIBABLE_TYPES.join(', ')}`)
    .option('--name <label>', 'a label of your own')
    .option('--force', 'allow event types that are not known');
  withSecretOptions(create).action(async (options: CreateOptions) => {
    await createWebhook(options, terminal(), variables);
  });

  webhooks
    .command('list')
    .description('show all registered webhooks')
    .action(async () => {
      const list = await connectWebhooks(variables).webhooks.list();
      terminal().result({ webhooks: list }, () => (list.length === 0 ? 'No webhooks.' : tableOf(list)));
    });

  webhooks
    .command('get <id>')
    .description('show one')
    .action(async (id: string) => show(await connectWebhooks(variables).webhooks.get(id), terminal()));

  webhooks
    .command('update <id>')
    .description('change what is given, and nothing else')
    .option('--uri <url>', 'where events go')
    .option('--events <types>', 'the events that it gets, all of them, separated by commas')
    .option('--name <label>', 'a label of your own')
    .addOption(new Option('--enable', 'deliver again, after failures too').conflicts('disable'))
    .option('--disable', 'deliver nothing')
    .option('--force', 'allow event types that are not known')
    .action(async (id: string, options: WebhookOptions & { enable?: true; disable?: true }) => {
      const { webhooks: api, baseUrl } = connectWebhooks(variables);
      show(await api.update(id, changeOf(options, baseUrl)), terminal());
    });

  webhooks
    .command('delete <id>')
    .description('end deliveries to it for good')
    .action(async (id: string) => {
      await connectWebhooks(variables).webhooks.delete(id);
      terminal().result({ id, deleted: true }, () => `Deleted ${id}.`);
    });

  webhooks
    .command('ping <id>')
    .description('let Gemini send it a ping')
    .action(async (id: string) => {
      await connectWebhooks(variables).webhooks.ping(id);
      terminal().result({ id, pinged: true }, () => `Gemini sends a ping to ${id}.`);
    });

  const rotate = webhooks
    .command('rotate <id>')
    .description('a new signing secret, kept beside the old one and proved with a ping to the running function')
    .addOption(
      new Option(
        '--revoke-now',
        'where it has leaked: the old secret ends at once, not after 24 h; with --drop-unlisted',
      ).implies({ dropUnlisted: true }),
    )
    .option('--drop-unlisted', 'take out those that no webhook of this project signs with: they have ended')
    .option('--wait <seconds>', 'how long the function may take to know the new secret', '90');
  withSecretOptions(rotate).action(async (id: string, options: RotateOptions) => {
    await rotateSecret(id, options, terminal(), variables);
  });

  webhooks
    .command('route-url')
    .description('the callback URL for the webhook config of a job')
    .requiredOption('--route <name>', 'your name for a pipeline: 1 to 64 of A-Z a-z 0-9 _ -')
    .action(async ({ route }: { route: string }) => {
      const url = routeUrlOf(route, variables);
      terminal().result({ route, url }, () => url);
    });
}

function changeOf(options: WebhookOptions & { enable?: true; disable?: true }, baseUrl: URL): WebhookChange {
  const { uri, events, name, enable, disable, force = false } = options;
  const change: WebhookChange = {
    ...(name === undefined ? {} : { name }),
    ...(uri === undefined ? {} : { uri: requireEndpoint(uri, baseUrl) }),
    ...(events === undefined ? {} : { subscribed_events: requireEvents(events, { force }) }),
    ...(enable ? { state: 'enabled' } : {}),
    ...(disable ? { state: 'disabled' } : {}),
  };
  if (Object.keys(change).length === 0)
    throw usageError('Say what to change: --uri, --events, --name, --enable or --disable.');
  return change;
}

function routeUrlOf(route: string, variables: NodeJS.ProcessEnv): string {
  if (!isRoute(route)) throw usageError(`--route ${route} must be 1 to 64 of A-Z a-z 0-9 _ -`);
  const environment = new Environment(variables);
  const callbackUrl = callbackUrlSetting(environment);
  const keys = signingRouteKeys(environment);
  environment.requireValid();
  return routeUrl(callbackUrl, route, firstOf(keys));
}

function show(webhook: Webhook, terminal: Terminal): void {
  terminal.result(webhook, () => linesOf(webhook));
}

function tableOf(webhooks: readonly Webhook[]): string {
  return table(
    ['ID', 'NAME', 'STATE', 'URI', 'EVENTS'],
    webhooks.map(({ id, name, state, uri, subscribed_events: events }) => [id, name, state, uri, events.join(', ')]),
  );
}
