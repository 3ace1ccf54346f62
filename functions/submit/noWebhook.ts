import { z } from 'zod';

const setBySubmitJob = z
  .undefined({ error: 'is set by submitJob: leave it out, and give metadata and route beside the request' })
  .optional();

/** The fields of a webhook, which submitJob sets. Both spellings are valid for Gemini (docs/gemini-wire.md 7.1). */
export const NO_WEBHOOK = { webhookConfig: setBySubmitJob, webhook_config: setBySubmitJob };
