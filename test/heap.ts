import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose_gc");
const collect: () => void = runInNewContext("gc");

/** The bytes of the heap that are in use, after a collection. */
export function heapUsed(): number {
  collect();
  return process.memoryUsage().heapUsed;
}
