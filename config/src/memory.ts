import { totalmem } from "node:os";

/** What an idle process of the CLI has of its own, in bytes: 115 MB measured, with room for longer conversations. */
const PROCESS_BYTES = 128 * 1024 * 1024;
/** The part of the memory that processes of the CLI may have by default. */
const SHARE = 0.5;
const MAX_PROCESSES = 1000;

/** How many processes of the CLI fit into half of the memory: the machine's, or what a container or a unit may use. */
export function processesThatFit(bytes = usableBytes()): number {
  return Math.min(Math.floor((SHARE * bytes) / PROCESS_BYTES), MAX_PROCESSES);
}

function usableBytes(): number {
  // 0 where nothing is known of a limit; far more than the machine has where there is none.
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
}
