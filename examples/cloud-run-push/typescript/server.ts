import { createServer, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { OAuth2Client } from 'google-auth-library';

const { PORT = '8080', PUSH_AUDIENCE = '', PUSH_ACCOUNT = '', ALLOW_UNSIGNED } = process.env;
const google = new OAuth2Client();

/** Verifies the token that Pub/Sub sends: signed by Google, for this service, by the subscription's account. */
async function isAuthorized({ headers }: IncomingMessage): Promise<boolean> {
  if (ALLOW_UNSIGNED === '1') return true;
  const idToken = headers.authorization?.replace(/^Bearer /, '') ?? '';
  try {
    const ticket = await google.verifyIdToken({ idToken, audience: PUSH_AUDIENCE });
    const { email, email_verified: isVerified } = ticket.getPayload() ?? {};
    return isVerified === true && email === PUSH_ACCOUNT;
  } catch {
    return false;
  }
}

/** Handles one message. Pub/Sub sends it again where this throws. */
function handle(attributes: Readonly<Record<string, string>>, data: unknown): void {
  console.log(JSON.stringify({ id: attributes['ce-id'], type: attributes['ce-type'], data }));
}

const server = createServer((request, response) => {
  void answer(request).then((status) => response.writeHead(status).end());
});

async function answer(request: IncomingMessage): Promise<number> {
  if (!(await isAuthorized(request))) return 401;
  try {
    const { message } = JSON.parse(await text(request)) as {
      message: { attributes: Record<string, string>; data: string };
    };
    handle(message.attributes, JSON.parse(Buffer.from(message.data, 'base64').toString('utf8')));
    return 204;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return 500;
  }
}

server.listen(Number(PORT));
