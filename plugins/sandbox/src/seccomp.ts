import { randomUUID } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { endianness, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

/** The number of a system call by its name, on one kind of machine; `arch` is what the kernel calls that. */
interface Calls {
  readonly arch: number;
  readonly numbers: readonly number[];
  readonly ioctl: number;
  /** Numbers from here on are those of another table. */
  readonly end?: number;
}

/** Present on all machines under the same number: io_uring_setup, io_uring_enter, io_uring_register. */
const IO_URING = [425, 426, 427];

/*
 * What no program needs here, and what reaches what is not in any namespace, or a large part of the kernel. In this order:
 * keyrings (add_key, request_key, keyctl), perf_event_open, bpf, userfaultfd, modules (init, delete, finit), kexec_load,
 * kexec_file_load if there is one, open_by_handle_at. Sources: syscall.tbl of each architecture, asm-generic/unistd.h.
 */
const X64: Calls = {
  arch: 0xc000003e,
  numbers: [248, 249, 250, 298, 321, 323, 175, 176, 313, 246, 320, 304, ...IO_URING],
  ioctl: 16,
  end: 0x40000000,
};
const I386: Calls = {
  arch: 0x40000003,
  numbers: [286, 287, 288, 336, 357, 374, 128, 129, 350, 283, 342, ...IO_URING],
  ioctl: 54,
};
const ARM64: Calls = {
  arch: 0xc00000b7,
  numbers: [217, 218, 219, 241, 280, 282, 105, 106, 273, 104, 294, 265, ...IO_URING],
  ioctl: 29,
};
const ARM: Calls = {
  arch: 0x40000028,
  numbers: [309, 310, 311, 364, 386, 388, 128, 129, 379, 347, 401, 371, ...IO_URING],
  ioctl: 54,
};
const MACHINES: Readonly<Record<string, readonly Calls[]>> = { x64: [X64, I386], arm64: [ARM64, ARM] };

/** Requests that put input into a terminal: TIOCSTI and TIOCLINUX. */
const TERMINAL = [0x5412, 0x541c];

/** Instructions of classic BPF: load a word, compare, return. */
const [LOAD, EQUAL, AT_LEAST, RETURN] = [0x20, 0x15, 0x35, 0x06];
/** Where the number, the kind of machine and the low half of the second argument are in `seccomp_data`. */
const [NUMBER, ARCH, SECOND] = [0, 4, 24];
const ALLOW = 0x7fff0000;
/** ENOSYS: as on a kernel that does not have the call, so that programs do without. */
const REFUSE = 0x00050000 | 38;

type Instruction = readonly [code: number, value: number, ifTrue?: number, ifFalse?: number];

/** The filter of system calls for this kind of machine; undefined where none is known. */
export function syscallFilter(machine = process.arch): Buffer | undefined {
  const tables = MACHINES[machine];
  if (tables === undefined || endianness() !== "LE") return undefined;
  const program: Instruction[] = [[LOAD, ARCH], ...tables.flatMap(checksOf), [RETURN, REFUSE]];
  const bytes = Buffer.alloc(program.length * 8);
  for (const [index, [code, value, ifTrue = 0, ifFalse = 0]] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(ifTrue, index * 8 + 2);
    bytes.writeUInt8(ifFalse, index * 8 + 3);
    bytes.writeUInt32LE(value, index * 8 + 4);
  }
  return bytes;
}

/** Passed over on another kind of machine. */
function checksOf({ arch, numbers, ioctl, end }: Calls): Instruction[] {
  const terminal = [[LOAD, SECOND], ...TERMINAL.flatMap((request) => refuse(EQUAL, request))] as const;
  const checks: Instruction[] = [
    [LOAD, NUMBER],
    ...(end === undefined ? [] : refuse(AT_LEAST, end)),
    ...numbers.flatMap((number) => refuse(EQUAL, number)),
    [EQUAL, ioctl, 0, terminal.length],
    ...terminal,
    [RETURN, ALLOW],
  ];
  return [[EQUAL, arch, 0, checks.length], ...checks];
}

function refuse(compare: number, value: number): Instruction[] {
  return [
    [compare, value, 0, 1],
    [RETURN, REFUSE],
  ];
}

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

/** Whether it is there, and not what another user has put where its folder was. */
function isOwn(file: string): boolean {
  return lstatSync(dirname(file), { throwIfNoEntry: false })?.uid === process.getuid?.() && existsSync(file);
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
