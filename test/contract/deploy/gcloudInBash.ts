import type { GcloudCommand } from '../../support/gcloud.ts';
import { serveTcp } from '../../support/server.ts';

/** Result of a command: standard output where the exit code is 0, else standard error. */
export interface Answer {
  readonly exitCode: number;
  readonly output: string;
}

/**
 * A gcloud that forwards its words, each followed by a NUL, and its standard input: a function of bash, because a
 * deployment calls it hundreds of times.
 */
const GCLOUD = `() { (
set +eu
exec 3<>"/dev/tcp/127.0.0.1/$GCLOUD_STAND_IN"
printf '%s\\0' "$@" >&3
printf '\\0' >&3
for word; do case "$word" in *=-) cat >&3 ;; esac; done
printf '\\1' >&3
IFS= read -r -d '' answer <&3
code=\${answer%%$'\\n'*}; output=\${answer#*$'\\n'}
if [ "$code" = 0 ]; then printf '%s\\n' "$output"; else printf '%s\\n' "$output" >&2; fi
exit "$code"
) }`;

/** `npm exec -- node …` without npm, which takes longer to start than what it runs. */
const NPM = '() { if [ "$1" = exec ]; then shift 2; "$@"; else command npm "$@"; fi; }';

/** Serves `gcloud` in bash. The environment defines the function, and a quick npm. */
export async function serveGcloud(answer: (command: GcloudCommand) => Answer) {
  const { port, close } = await serveTcp((socket) => {
    let sent = '';
    socket.setEncoding('utf8').on('data', (text) => {
      sent += text;
      if (!sent.endsWith('\u0001')) return;
      const [words = '', stdin = ''] = sent.slice(0, -1).split('\0\0');
      const { exitCode, output } = answer({ args: words.split('\0'), stdin });
      socket.end(`${exitCode}\n${output}\0`);
    });
  });
  const { PATH, HOME } = process.env;
  const functions = { 'BASH_FUNC_gcloud%%': GCLOUD, 'BASH_FUNC_npm%%': NPM };
  const env: NodeJS.ProcessEnv = { PATH, HOME, ...functions, GCLOUD_STAND_IN: String(port) };
  return { env, close: () => void close() };
}
