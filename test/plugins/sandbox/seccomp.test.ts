import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { expect } from "chai";
import { Seccomp } from "#plugins/sandbox/seccomp.js";
import { syscallFilter } from "#plugins/sandbox/syscall-filter.js";
import { debianProgram } from "../../debian.js";
import { temporaryFolder } from "../../temporary.js";

/** On x64. Called with zeros, none of them does anything, and none ends with ENOSYS where it is not refused. */
const REFUSED = {
  add_key: 248,
  request_key: 249,
  keyctl: 250,
  perf_event_open: 298,
  bpf: 321,
  userfaultfd: 323,
  init_module: 175,
  delete_module: 176,
  finit_module: 313,
  kexec_load: 246,
  open_by_handle_at: 304,
  io_uring_setup: 425,
  io_uring_enter: 426,
  io_uring_register: 427,
  // The calls of a table with 32-bit addresses, under numbers of their own.
  "getpid, x32": 0x40000000 + 39,
  "keyctl, x32": 0x40000000 + 250,
};
const ENOSYS = "38";
const ENOTTY = "25";

describe("the filter of system calls", () => {
  let bwrap: string;
  let seccomp: Seccomp | undefined;
  before(async function () {
    if (process.arch !== "x64") this.skip();
    bwrap = await debianProgram({ names: ["bwrap"], package: "bubblewrap" });
  });
  beforeEach(() => {
    seccomp = new Seccomp(temporaryFolder("claudeway-filter-"));
  });
  afterEach(() => seccomp?.close());

  /** What a script of perl prints in a sandbox with the filter. */
  function run(script: string, ...args: string[]): string {
    const walls = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", ...(seccomp?.args ?? [])];
    const [sh = "", ...rest] = [...(seccomp?.before() ?? []), bwrap, ...walls, "perl", "-e", script, ...args];
    const { stdout, stderr } = spawnSync(sh, rest, { encoding: "utf8" });
    expect(stderr).to.equal("");
    return stdout.trim();
  }

  it("refuses what reaches out of all namespaces, and large parts of the kernel that nothing needs", () => {
    const numbers = Object.values(REFUSED).map(String);
    const script = 'for (@ARGV) { $! = 0; syscall($_ + 0, 0, 0, 0, 0, 0, 0); print $! + 0, " "; }';
    const found = run(script, ...numbers).split(" ");
    expect(Object.fromEntries(Object.keys(REFUSED).map((name, index) => [name, found[index]]))).to.deep.equal(
      Object.fromEntries(Object.keys(REFUSED).map((name) => [name, ENOSYS])),
    );
  });

  it("refuses input into a terminal, and no other request", () => {
    const script =
      'for (0x5412, 0x541c, 0x100000000 + 0x5412, 0x5413) { $! = 0; my $c = "x" x 64; syscall(16, 0, $_, $c); print $! + 0, " "; }';
    expect(run(script)).to.equal([ENOSYS, ENOSYS, ENOSYS, ENOTTY].join(" "));
  });

  it("keeps the keyring that processes have in common out of reach", () => {
    const common =
      'my ($t, $n, $s) = ("user", "claudeway-test", "canary"); syscall(250, 1, 0); syscall(248, $t, $n, $s, 6, -3); exec @ARGV';
    const search =
      'my ($t, $n, $f) = ("user", "claudeway-test", "x" x 6); syscall(250, 11, syscall(250, 10, -3, $t, $n, 0), $f, 6); print $f';
    const found = (args: readonly string[]) => {
      const inside = [
        bwrap,
        "--unshare-all",
        "--ro-bind",
        "/",
        "/",
        "--dev",
        "/dev",
        ...args,
        "perl",
        "-e",
        search,
      ];
      const all = ["-e", common, ...(seccomp?.before() ?? []), ...inside];
      return spawnSync("perl", all, { encoding: "utf8" }).stdout;
    };
    expect(found([])).to.equal("canary");
    expect(found(seccomp?.args ?? [])).to.equal("xxxxxx");
  });

  it("lets its programs be killed before the gateway where there is no memory left", () => {
    expect(run('open F, "/proc/self/oom_score_adj"; print <F>')).to.equal("500");
  });

  it("starts bubblewrap so that SIGTERM does not end it, and the CLI with it", async () => {
    const walls = ["--ro-bind", "/", "/", "--dev", "/dev", ...(seccomp?.args ?? [])];
    const [sh = "", ...args] = [
      ...(seccomp?.before() ?? []),
      bwrap,
      ...walls,
      "sh",
      "-c",
      "echo up; read line",
    ];
    const child = spawn(sh, args, { stdio: ["pipe", "pipe", "inherit"] });
    const exited = once(child, "exit");
    await once(child.stdout, "data");
    child.kill("SIGTERM");
    child.stdin.end("go on\n");
    expect(await exited).to.deep.equal([0, null]);
  });

  it("can be read by other users, is made again where it was removed, and is gone with the gateway", () => {
    const [first = ""] = seccomp?.before().slice(-1) ?? [];
    expect([statSync(dirname(first)).mode & 0o777, statSync(first).mode & 0o777]).to.deep.equal([
      0o711, 0o644,
    ]);
    expect(seccomp?.before().at(-1)).to.equal(first);
    rmSync(dirname(first), { recursive: true });
    const [again = ""] = seccomp?.before().slice(-1) ?? [];
    expect(readFileSync(again)).to.deep.equal(syscallFilter());
    seccomp?.close();
    expect(existsSync(dirname(again))).to.equal(false);
  });

  it("that a killed gateway left is removed at its next start", () => {
    const folder = temporaryFolder("claudeway-filter-");
    const gateway = `import { Seccomp } from "#plugins/sandbox/seccomp.js";
      process.stdout.write(new Seccomp(process.argv[1]).before().at(-1));
      process.kill(process.pid, "SIGKILL");`;
    const args = ["--conditions=unbundled", "--input-type=module", "-e", gateway, folder];
    const left = spawnSync(process.execPath, args, { encoding: "utf8" }).stdout;
    expect(existsSync(left)).to.equal(true);
    new Seccomp(folder).close();
    expect(existsSync(dirname(left))).to.equal(false);
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  it("stays for the CLIs of both instances while settings change, and is gone with the later one", () => {
    const folder = temporaryFolder("claudeway-filter-");
    const old = new Seccomp(folder);
    const [before = ""] = old.before().slice(-1);
    const renewed = new Seccomp(folder);
    expect(existsSync(before), "a CLI is about to start with it").to.equal(true);
    const [now = ""] = renewed.before().slice(-1);
    old.close();
    expect([now, existsSync(before)], "it may still be about to").to.deep.equal([before, true]);
    renewed.close();
    expect(existsSync(dirname(now))).to.equal(false);
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  it("is made again where another user has put one of their own in its place", function () {
    if (process.getuid?.() !== 0) this.skip();
    const [first = ""] = seccomp?.before().slice(-1) ?? [];
    rmSync(dirname(first), { recursive: true });
    mkdirSync(dirname(first));
    writeFileSync(first, "theirs");
    chownSync(dirname(first), 65534, 65534);
    const [again = ""] = seccomp?.before().slice(-1) ?? [];
    expect(syscallFilter()?.equals(readFileSync(again))).to.equal(true);
  });

  it("is known for x64 and arm64", () => {
    expect([syscallFilter("arm64")?.length, syscallFilter("mips")]).to.deep.equal([640, undefined]);
  });
});
