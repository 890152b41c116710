import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { UnaskedCall } from "@claudeway/ports";
import { mayRunCode } from "./repository.js";

const MAX_FOLDERS = 30;
const MAX_WORDS = 400;

/** Programs that run git. */
const RUNS_GIT = /git|\bgh\b|\bhub\b|\btig\b/i;
/** Drops git's environment, which keeps git from treating any folder as a repository. */
const DROPS_ENVIRONMENT = /\benv\s+-|\bexec\s+-\w*c|\b(?:sudo|doas|su|runuser|ssh)\b/;

/** Changes the directory of git, or of the shell before it, */
const GOES_ELSEWHERE = /(?:^|[\s;&|(])(?:-C|cd|pushd|popd|chdir)\b|--git-dir|--work-tree/;
/** and what a folder's name must not hold to be read here, the way back included. */
const UNREADABLE = /['"\\$`*?{~[]|\b(?:cd|pushd)\s+-|\bpopd\b/;

/** Tools that run a shell command. */
const RUNNING: readonly string[] = ["Bash", "Monitor", "PowerShell"];

/** Whether a tool call is such a command; see `mayRunRepositoryCode`. */
export async function runsRepositoryCode({ tool, input, cwd }: UnaskedCall): Promise<boolean> {
  const { command } = input;
  return RUNNING.includes(tool) && typeof command === "string" && mayRunRepositoryCode(command, cwd);
}

/**
 * Whether a shell command runs git where a repository's settings may name a program, or changes git's environment.
 * Decided by the text: git's name is the same however it is quoted or nested.
 * @param cwd the shell's current directory, absolute
 */
export async function mayRunRepositoryCode(command: string, cwd: string): Promise<boolean> {
  const text = command.replace(/\\\n|['"\\]/g, "");
  if (/GIT_\w/.test(text)) return true;
  if (!RUNS_GIT.test(text)) return false;
  if (DROPS_ENVIRONMENT.test(text) || (GOES_ELSEWHERE.test(text) && UNREADABLE.test(command))) return true;
  const folders = await foldersIn(text, cwd);
  if (folders === undefined) return true;
  for (const folder of folders) if (await mayRunCode(folder)) return true;
  return false;
}

/**
 * The shell's folder and every folder that the command names, resolved against each earlier one; undefined if there
 * are too many.
 */
async function foldersIn(text: string, cwd: string): Promise<ReadonlySet<string> | undefined> {
  const words = new Set(text.split(/[\s;&|<>()=:,]+/).filter((word) => word !== "" && word !== "."));
  if (words.size > MAX_WORDS) return undefined;
  const folders = new Set([cwd]);
  for (const word of words) {
    for (const folder of [...folders]) {
      const path = resolve(folder, word.replace(/^-C/, ""));
      if (!folders.has(path) && (await isFolder(path))) folders.add(path);
      if (folders.size > MAX_FOLDERS) return undefined;
    }
  }
  return folders;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    // Git cannot enter it either.
    return false;
  }
}
