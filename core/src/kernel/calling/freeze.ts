/**
 * Freezes plain data, and all that is in it. What is frozen already is taken to be so to its depth. The depth is bounded
 * by memory only: a tool call's input is as deep as the model likes.
 */
export function deepFreeze<T>(value: T): T {
  const open: unknown[] = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next !== "object" || next === null || Object.isFrozen(next)) continue;
    Object.freeze(next);
    for (const inner of Object.values(next)) open.push(inner);
  }
  return value;
}
