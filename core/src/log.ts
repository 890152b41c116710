import { type DestinationStream, type Logger, pino } from "pino";
import { redactTokens } from "./approvals/links.js";
import type { KnownSecrets } from "./secrets.js";

/** How each line begins. */
const LEVEL = /^\{"level":"\w+"/;

/**
 * The operator's log: JSON lines, on stderr unless told otherwise, with every known secret, and the tokens of links,
 * taken out of every line.
 */
export function openLog(
  level: string,
  secrets: KnownSecrets,
  to: DestinationStream = pino.destination({ fd: 2, sync: true }),
): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: {
        streamWrite: (line) => {
          // The level is pino's own word: a secret may be as short as one.
          const level = LEVEL.exec(line)?.[0] ?? "";
          return level + secrets.redact(redactTokens(line.slice(level.length)));
        },
      },
    },
    to,
  );
}
