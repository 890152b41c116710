/** What an object, a field of it, and a string take beside what is in them, in bytes (V8, 64 bit). */
const OBJECT_BYTES = 56;
const FIELD_BYTES = 24;
const STRING_BYTES = 24;
const BYTES_PER_CHARACTER = 2;

/** An estimate of the memory of plain data, in bytes; errs on the high side. */
export function weightOf(value: unknown): number {
  let bytes = 0;
  // Not by recursion: what a model nests deeper than the stack must not end its turn.
  const open = [value];
  while (open.length > 0) {
    const one = open.pop();
    if (typeof one === "string") bytes += STRING_BYTES + BYTES_PER_CHARACTER * one.length;
    if (typeof one !== "object" || one === null) continue;
    bytes += OBJECT_BYTES;
    for (const field of Object.values(one)) {
      bytes += FIELD_BYTES;
      open.push(field);
    }
  }
  return bytes;
}
