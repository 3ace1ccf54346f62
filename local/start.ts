import { rememberLocal } from '../cli/installation/local.ts';
import { fact, title } from './demo/print.ts';
import { setStage } from './demo/stage.ts';
import { exitWithMessages } from './messages.ts';

exitWithMessages();

/** The parts of the demo, kept running for development until Ctrl-C. */
const stage = await setStage({ simulatorPort: Number(process.env['PORT'] ?? 8787) });
rememberLocal(process.cwd(), stage.variables);

title('Running until Ctrl-C');
fact('use', `export GOOGLE_GEMINI_BASE_URL=${stage.simulator.url} GEMINI_API_KEY=any-key`);
fact('static', `${stage.callbackUrl}/ is registered as a webhook`);
fact('dynamic', stage.dynamicUrl('dev'));
fact('project', stage.project.projectId);
fact('look', `${stage.simulator.url}/ shows jobs, deliveries and attempts`);
fact('operate', 'npx gemini-callbacks status --local');
