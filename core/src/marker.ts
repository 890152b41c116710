/* Imports nothing: what ends the processes of a gateway that was killed has to begin early. */

/** The variable that every child carries, and hands down to all that it starts. */
export const MARKER_VARIABLE = "CLAUDEWAY_PROCESS";

/** The variable with this marker. A gateway that runs inside a tool call of another one keeps that one's marker too. */
export function markedEnvironment(marker: string): Readonly<Record<string, string>> {
  const outer = process.env[MARKER_VARIABLE];
  return { [MARKER_VARIABLE]: outer === undefined ? marker : `${outer},${marker}` };
}
