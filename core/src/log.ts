import { type DestinationStream, type Logger, pino } from "pino";
import { redactTokens } from "./approvals/links.js";
import { redactor } from "./redact.js";

/**
 * The operator's log: JSON lines, on stderr unless told otherwise, with every known secret, and the tokens of links,
 * taken out of every line.
 */
export function openLog(
  level: string,
  secrets: readonly string[],
  to: DestinationStream = pino.destination({ fd: 2, sync: true }),
): Logger {
  const redact = redactor(secrets);
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: {
        streamWrite: (line) => redact(redactTokens(line)),
      },
    },
    to,
  );
}
