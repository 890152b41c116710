import type { KnownSecrets } from "@claudeway/config";
import { type DestinationStream, type Logger, pino } from "pino";
import { redactTokens } from "./approvals/links.js";

/** The beginning of each line. */
const LEVEL = /^\{"level":"\w+"/;

/** The operator's log: JSON lines. Known secrets and tokens of links are removed from every line. */
export function openLog(level: string, secrets: KnownSecrets, to: DestinationStream): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: {
        streamWrite: (line) => {
          // The level is a word of pino's; a short secret may equal it and must not be replaced there.
          const level = LEVEL.exec(line)?.[0] ?? "";
          return level + secrets.redact(redactTokens(line.slice(level.length)));
        },
      },
    },
    to,
  );
}
