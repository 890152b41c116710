import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { endianness, tmpdir } from "node:os";
import { join } from "node:path";

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
const NAME = "filter";
/** Killed before the gateway, and before programs beside it, where the machine has no memory left. */
const OOM_SCORE = 500;

/** What bubblewrap is started with, so that all in the sandbox is filtered. */
export class Seccomp {
  readonly #filter = syscallFilter();
  /** The folder of a copy that other users can read. */
  #open: string | undefined;

  /** @param folder where the filter is kept: one of the gateway's own, so that nothing that tidies up temporary files removes it */
  constructor(private readonly folder: string) {
    if (this.#filter === undefined) return;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFilter(folder, this.#filter);
  }

  /** Whether system calls are filtered: for other machines no filter is known. */
  get filters(): boolean {
    return this.#filter !== undefined;
  }

  /**
   * What runs bubblewrap.
   * @param byOther whether another user than the gateway's runs it, who can't reach the gateway's folder
   */
  before(byOther = false): readonly string[] {
    const score = `{ echo ${OOM_SCORE} > /proc/self/oom_score_adj; } 2> /dev/null`;
    return ["/bin/sh", "-c", `${score}; exec "$@" ${FILE}< "$0"`, this.#file(byOther)];
  }

  /** Arguments of bubblewrap. */
  get args(): readonly string[] {
    return this.filters ? ["--seccomp", FILE] : [];
  }

  close(): void {
    if (this.#open !== undefined) rmSync(this.#open, { recursive: true, force: true });
  }

  #file(byOther: boolean): string {
    if (this.#filter === undefined) return "/dev/null";
    if (!byOther) return join(this.folder, NAME);
    if (this.#open === undefined || !existsSync(join(this.#open, NAME))) {
      this.#open = mkdtempSync(join(tmpdir(), "claudeway-seccomp-"));
      chmodSync(this.#open, 0o711);
      writeFilter(this.#open, this.#filter);
    }
    return join(this.#open, NAME);
  }
}

/** At once as a whole: another instance may be starting a program with it. Readable whatever the gateway's umask. */
function writeFilter(folder: string, filter: Buffer): void {
  const file = join(folder, NAME);
  writeFileSync(`${file}.new`, filter);
  chmodSync(`${file}.new`, 0o644);
  renameSync(`${file}.new`, file);
}
