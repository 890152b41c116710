/**
 * Freezes plain data deeply. Objects that are already frozen are assumed to be frozen deeply. It does not recurse,
 * because the depth of a tool call's input is unlimited.
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
