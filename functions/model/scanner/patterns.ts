/** A step of the patterns: the values to report at this place, and the steps below it. */
export interface PatternNode {
  /** Set where a value at this place is reported. */
  pattern: string | undefined;
  readonly children: Map<string, PatternNode>;
  /** The step `*`: any member or element. */
  any: PatternNode | undefined;
  /** The step `[]`: any element, but no member. */
  element: PatternNode | undefined;
}

/** Compiles patterns such as `metadata.state`, `items.*.id` or `list.[]` into a tree. */
export function compilePatterns(patterns: readonly string[]): PatternNode {
  const root = newNode();
  for (const pattern of patterns) {
    const node = pattern.split('.').reduce(stepInto, root);
    node.pattern = pattern;
  }
  return root;
}

function stepInto(node: PatternNode, step: string): PatternNode {
  if (step === '*') return (node.any ??= newNode());
  if (step === '[]') return (node.element ??= newNode());
  const child = node.children.get(step) ?? newNode();
  node.children.set(step, child);
  return child;
}

function newNode(): PatternNode {
  return { pattern: undefined, children: new Map(), any: undefined, element: undefined };
}
