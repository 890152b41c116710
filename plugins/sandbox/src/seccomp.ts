import { randomUUID } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { isOwn } from "./own-file.js";
import { syscallFilter } from "./syscall-filter.js";

/** Which of its open files bubblewrap reads the filter from. */
const FILE = "9";
/** Of its folder's name. */
const PREFIX = "claudeway-seccomp-";
/** What the names of notes begin with; then the start of the gateway whose notes they are. */
const NOTE = "filter-";
/** Of all processes with its pid, this one. */
const START = `${process.pid}-${performance.timeOrigin}`;
/** Killed before the gateway, and before programs beside it, where the machine has no memory left. */
const OOM_SCORE = 500;

/** What bubblewrap is started with, so that all in the sandbox is filtered. */
export class Seccomp {
  readonly #filter = syscallFilter();
  /** Where the filter is, once it was needed. */
  #file: string | undefined;
  /** Names the file. */
  readonly #note: string;

  /**
   * @param folder one of the gateway's own, which notes where the filter is: a gateway that was killed leaves it there. While
   *   settings change, two instances have it, and one file: a CLI may still be started with it.
   */
  constructor(private readonly folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#note = join(folder, `${NOTE}${START}.${randomUUID()}`);
    for (const note of notesIn(folder))
      if (!basename(note).startsWith(`${NOTE}${START}.`)) removeNoted(note, folder);
  }

  /** Whether system calls are filtered: for other machines no filter is known. */
  get filters(): boolean {
    return this.#filter !== undefined;
  }

  /**
   * What runs bubblewrap, as whatever user. bubblewrap passes no signal on and would kill all inside by its end; so that the CLI
   * can end by itself, it ignores SIGTERM. The CLI has its own handler, and gives its tools the usual one.
   */
  before(): readonly string[] {
    const score = `{ echo ${OOM_SCORE} > /proc/self/oom_score_adj; } 2> /dev/null`;
    return ["/bin/sh", "-c", `trap "" TERM; ${score}; exec "$@" ${FILE}< "$0"`, this.#place()];
  }

  /** Arguments of bubblewrap. */
  get args(): readonly string[] {
    return this.filters ? ["--seccomp", FILE] : [];
  }

  close(): void {
    this.#file = undefined;
    removeNoted(this.#note, this.folder);
  }

  /** Made anew where something has tidied up temporary files: without it, no CLI would start any more. */
  #place(): string {
    if (this.#filter === undefined) return "/dev/null";
    if (this.#file === undefined || !isOwn(this.#file))
      this.#file = this.#find() ?? this.#write(this.#filter);
    return this.#file;
  }

  /** That of another instance. */
  #find(): string | undefined {
    const file = notesIn(this.folder)
      .map(fileIn)
      .find((noted) => noted !== undefined && isOwn(noted));
    if (file !== undefined) writeFileSync(this.#note, file);
    return file;
  }

  /** The user of a CLI may be another one, who can't reach the gateway's own folders, whatever the gateway's umask. */
  #write(filter: Buffer): string {
    this.close();
    const folder = makeFolder(tmpdir()) ?? mkdtempSync(join(this.folder, PREFIX));
    const file = join(folder, "filter");
    writeFileSync(this.#note, file);
    writeFileSync(`${file}.new`, filter);
    chmodSync(`${file}.new`, 0o644);
    chmodSync(folder, 0o711);
    renameSync(`${file}.new`, file);
    return file;
  }
}

function notesIn(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => name.startsWith(NOTE));
  return names.map((name) => join(folder, name));
}

/** The file that a note names. Undefined: the note has gone. */
function fileIn(note: string): string | undefined {
  try {
    return readFileSync(note, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Removes a note, and what it names with its folder unless another note names it too. */
function removeNoted(note: string, folder: string): void {
  const file = fileIn(note);
  rmSync(note, { force: true });
  if (file === undefined || notesIn(folder).some((other) => fileIn(other) === file)) return;
  if (basename(dirname(file)).startsWith(PREFIX)) rmSync(dirname(file), { recursive: true, force: true });
}

/** Undefined where nothing can be written. */
function makeFolder(parent: string): string | undefined {
  try {
    return mkdtempSync(join(parent, PREFIX));
  } catch {
    return undefined;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
