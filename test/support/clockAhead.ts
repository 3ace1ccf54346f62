/** Returns the environment of a process whose clock is ahead by so many milliseconds. */
export function clockAhead(millis: number): NodeJS.ProcessEnv {
  const module = `
    const Clock = Date;
    globalThis.Date = class Date extends Clock {
      constructor(...args) { super(...(args.length > 0 ? args : [Clock.now() + ${millis}])); }
      static now() { return Clock.now() + ${millis}; }
    };`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(module)}` };
}
