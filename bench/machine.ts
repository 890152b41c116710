import { availableParallelism, cpus } from "node:os";

/** What the figures were taken on. */
export const MACHINE = `${cpus()[0]?.model ?? "unknown"}, ${availableParallelism()} cores, Node ${process.version}`;
