import { type Logger, pino } from "pino";

/** Taking anything shorter out of every line would take out words, too. */
const SHORTEST_SECRET = 8;

/** The operator's log: JSON lines on stderr, with every known secret taken out of every line. */
export function openLog(level: string, secrets: readonly string[]): Logger {
  const written = secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .map((secret) => JSON.stringify(secret).slice(1, -1));
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: {
        streamWrite: (line) => written.reduce((clean, secret) => clean.replaceAll(secret, "[secret]"), line),
      },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}
