import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/**
 * Tells V8 to collect garbage before it takes more memory.
 *
 * By itself it lets the heap grow to several times of what is alive, as long as the machine has it, and so the peak of a
 * long stream is decided by its length. Memory is what a function is given little of; a stream that waits for Pub/Sub has
 * processor time to spare. To be called early: a heap that has grown stays.
 */
export function favourMemory(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=50');
}

/**
 * Lets the part of the heap for new objects grow up to a size, and no further.
 *
 * V8 doubles it while objects survive its collections, up to tens of megabytes on a large machine, and every megabyte of
 * it is touched again and again. Its own limit can be set on the command line only, so the growth is ended once it is
 * there; `grown` is to be called now and then, and costs microseconds until then.
 */
export function boundYoungGeneration(bytes: number): () => void {
  let isBound = false;
  return function grown() {
    if (isBound) return;
    const space = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
    if (space === undefined || space.space_size < bytes) return;
    isBound = true;
    setFlagsFromString('--semi-space-growth-factor=1');
  };
}
