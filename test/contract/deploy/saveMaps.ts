/** Returns a function that restores the present content of maps. */
export function saveMaps(...maps: readonly Map<string, unknown>[]): () => void {
  const saved = structuredClone(maps);
  return () => {
    for (const [index, entries] of structuredClone(saved).entries()) {
      maps[index]?.clear();
      for (const [key, value] of entries) maps[index]?.set(key, value);
    }
  };
}
