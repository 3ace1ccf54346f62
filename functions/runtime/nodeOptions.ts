/** The share of an instance's memory outside V8's old generation, as Google Cloud's buildpack leaves it. */
const RESERVED_MIB = 64;

/**
 * Limit of the young generation's semi-spaces. V8 doubles them while objects survive, up to tens of megabytes.
 *
 * Measured (docs/performance.md): reading 100 MB of results takes 172 MiB at its peak instead of 263 MiB, and a load of 80
 * concurrent callbacks 159 MiB instead of 230 MiB, for the same processor time. A limit of 2 MiB costs half as much again.
 */
const MAX_SEMI_SPACE_MIB = 16;

/** Returns V8's limits for an instance with so much memory. V8 does not support a change of them after the start. */
export function heapOptions(memoryMiB: number): string {
  return `--max-old-space-size=${memoryMiB - RESERVED_MIB} --max-semi-space-size=${MAX_SEMI_SPACE_MIB}`;
}

/**
 * Returns `NODE_OPTIONS` for an instance of a function, which the deployer sets.
 *
 * @param folder of the built project; the platform starts a function in it.
 */
export function nodeOptions(memoryMiB: number, folder = '.'): string {
  return `${heapOptions(memoryMiB)} --require="${folder}/dist/preload.cjs"`;
}
