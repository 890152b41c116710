import { endianness } from "node:os";

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
