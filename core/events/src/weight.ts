/** The overhead of an object, of a field and of a string, in bytes (V8, 64 bit). */
const OBJECT_BYTES = 56;
const FIELD_BYTES = 24;
const STRING_BYTES = 24;
const BYTES_PER_CHARACTER = 2;

/** An estimate of the memory of plain data, in bytes; errs on the high side. */
export function weightOf(value: unknown): number {
  let bytes = 0;
  // Not recursive: deeply nested output of a model must not overflow the stack.
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
