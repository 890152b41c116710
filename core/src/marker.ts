/* Imports nothing, because the guard that ends the processes of a killed gateway must start early. */

/** The environment variable of every child process, inherited by its own children. */
export const MARKER_VARIABLE = "CLAUDEWAY_PROCESS";

/** The variable with this marker. A gateway inside a tool call of another gateway keeps the other's marker too. */
export function markedEnvironment(marker: string): Readonly<Record<string, string>> {
  const outer = process.env[MARKER_VARIABLE];
  return { [MARKER_VARIABLE]: outer === undefined ? marker : `${outer},${marker}` };
}
