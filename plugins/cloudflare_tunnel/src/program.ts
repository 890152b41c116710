import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";

/** The absolute path of a program given as a path, or found on the PATH; undefined if there is none. */
export async function findProgram(name: string): Promise<string | undefined> {
  const { PATH = "" } = process.env;
  const candidates = name.includes("/")
    ? [resolve(name)]
    : PATH.split(delimiter).flatMap((folder) => (folder === "" ? [] : [join(folder, name)]));
  for (const candidate of candidates) if (await isProgram(candidate)) return candidate;
  return undefined;
}

const INSTALL_PAGE =
  "https://developers.cloudflare.com/cloudflare-one/networks/connectors/cloudflare-tunnel/downloads/";

/** The error for a missing program, with its remedy. */
export function missing(name: string): string {
  const where = name.includes("/") ? "" : " on the PATH";
  return `no program ${name}${where}; install it (${INSTALL_PAGE}) or set cloudflared_bin`;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
