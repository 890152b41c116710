import { basename } from "node:path";
import { GatewayError } from "@claudeway/ports";
import { runNamesIn } from "./run-files.js";

/**
 * Throws FORBIDDEN where a path names a file that tools run by themselves, in a workdir or across its edge: whoever
 * writes it has a command run that no one asked about.
 *
 * @param workdir with every link followed
 */
export function refuseRunFiles(workdir: string, names: readonly string[]): void {
  const folder = basename(workdir);
  const [found = ""] = runNamesIn(names);
  const across = runNamesIn([folder, ...names]).length > runNamesIn([folder]).length;
  if (found === "" && !across) return;
  const name = found === "" ? `${folder}/${names[0]}` : found;
  throw new GatewayError(
    "FORBIDDEN",
    `${JSON.stringify(name)} is not written or removed here: tools run it by themselves`,
  );
}
