/** Makes this process report a failure that nothing handles as a message instead of a stack, and exit with 1. */
export function exitWithMessages(): void {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const)
    process.once(event, (error: unknown) => {
      process.stderr.write(`error: ${messageOf(error)}\n`);
      process.exit(1);
    });
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'EADDRINUSE') {
    const port = 'port' in error ? Number(error.port) : 0;
    return `Port ${port} is in use by another program. Choose another one: PORT=${port + 1} npm start`;
  }
  return error.message;
}
