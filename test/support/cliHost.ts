/**
 * Runs command lines for `cli.ts`, one after another, in a process that has loaded the client libraries: loading them
 * takes longer than most commands. Each runs `cli/program.ts` anew, as a process does.
 */
export interface HostedCommand {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

const PROGRAM = new URL('../../cli/program.ts', import.meta.url).href;

/** Events of the process that the program listens to. */
const EVENTS = ['exit', 'uncaughtException', 'unhandledRejection', 'SIGINT', 'SIGTERM'] as const;

const [stdout, stderr] = [process.stdout, process.stderr];
const exit = process.exit.bind(process);
let runs = 0;

async function run({ args, env, cwd }: HostedCommand) {
  const output = { stdout: '', stderr: '' };
  process.chdir(cwd);
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.argv.splice(2, Infinity, ...args);
  stdout.write = keeping((text) => (output.stdout += text));
  stderr.write = keeping((text) => (output.stderr += text));
  const exitCode = await new Promise<number>((resolve) => {
    process.exit = ((code: number) => resolve(code)) as typeof process.exit;
    import(`${PROGRAM}?run=${runs++}`).catch((error: unknown) => {
      output.stderr += String(error);
      resolve(1);
    });
  });
  process.emit('exit', exitCode);
  for (const event of EVENTS) process.removeAllListeners(event);
  // A late failure of a command that has ended would end a process of its own with it.
  for (const event of EVENTS.slice(1, 3)) process.on(event, () => {});
  return { exitCode, ...output };
}

function keeping(keep: (text: string) => void): typeof process.stdout.write {
  return (chunk: string | Uint8Array, ...rest: readonly unknown[]) => {
    keep(String(chunk));
    const written = rest.findLast((each) => typeof each === 'function') as (() => void) | undefined;
    if (written) queueMicrotask(written);
    return true;
  };
}

process.on('message', (command: HostedCommand) => void run(command).then((result) => process.send?.(result)));
process.on('disconnect', () => exit());
