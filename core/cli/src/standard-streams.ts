import { type DestinationStream, type Logger, pino } from "pino";

/** Lines of the log that wait until they can be written, in bytes; further ones are dropped. */
const MAX_WAITING = 1024 * 1024;

/**
 * The log's lines go to stderr. One that can't be written, since the terminal is gone or the disk is full, waits for the next
 * one: a gateway works without its log, and there is nowhere else to report it.
 */
export function toStandardError(): DestinationStream {
  const destination = pino.destination({ fd: 2, sync: true, maxLength: MAX_WAITING });
  // Without a listener, pino throws the error where the line was logged; logging that would throw again, without end.
  destination.on("error", () => undefined);
  return destination;
}

/** From now on, what can't be written to stdout or stderr is logged, and ends nothing. */
export function surviveUnwritable(log: Logger): void {
  for (const [name, stream] of Object.entries({ stdout: process.stdout, stderr: process.stderr }))
    stream.on("error", (error) => log.warn({ err: error }, `${name} can't be written`));
}
