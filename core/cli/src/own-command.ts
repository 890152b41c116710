import { realpathSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("../bin/claudeway.js", import.meta.url));
const NAME = "claudeway";

/** How a shell in the folder `cwd` runs this installation: by its name, with npx, or by its path. */
export function ownCommand(cwd: string, env: NodeJS.ProcessEnv): string {
  const script = realPath(SCRIPT);
  const isOwn = (folder: string) => folder !== "" && realPath(join(folder, NAME)) === script;
  const local = foldersUp(cwd).map((folder) => join(folder, "node_modules", ".bin"));
  // npx puts such folders on the PATH of what it runs only.
  const onPath = (env["PATH"] ?? "").split(delimiter).filter((folder) => !folder.endsWith(".bin"));
  if (onPath.some(isOwn)) return NAME;
  if (local.some(isOwn)) return `npx ${NAME}`;
  return `node ${/^[\w./-]+$/.test(SCRIPT) ? SCRIPT : JSON.stringify(SCRIPT)}`;
}

function foldersUp(start: string): string[] {
  const folders = [resolve(start)];
  for (let folder = resolve(start); folder !== dirname(folder); folder = dirname(folder)) {
    folders.push(dirname(folder));
  }
  return folders;
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    // Nothing is there.
    return undefined;
  }
}
