import { randomBytes } from 'node:crypto';
import { signRoute } from '../../functions/callback/route.ts';
import { ed25519Key, newSecret } from '../simulator/signing.ts';
import { fact, title } from './print.ts';
import { setStage } from './stage.ts';

/** The parts of the demo, kept running for development until Ctrl-C. */
const secret = process.env['WEBHOOK_SIGNING_SECRET'] ?? newSecret();
const routeKey = process.env['DYNAMIC_ROUTE_KEY'] ?? randomBytes(32).toString('hex');
const stage = await setStage({ secret, routeKey, key: ed25519Key(randomBytes(32)) });

title('Running until Ctrl-C');
fact('static', `${stage.callbackUrl}/`);
fact('dynamic', `${stage.callbackUrl}/dynamic/dev/${signRoute('dev', routeKey)}`);
fact('secret', secret);
fact('project', stage.project.projectId);
