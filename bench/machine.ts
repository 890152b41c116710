import { availableParallelism, cpus } from "node:os";

/** The machine of the measurements. */
export const MACHINE = `${cpus()[0]?.model ?? "unknown"}, ${availableParallelism()} cores, Node ${process.version}`;
