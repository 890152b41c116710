import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/*
 * A folder for temporary files that belongs to one process of mocha, so that what is left there is known to be of its
 * tests. The first process makes the folder of the run, and takes it away with itself.
 */

const VARIABLE = "CLAUDEWAY_TESTS_FOLDER";
const inherited = process.env[VARIABLE];
/** The run's folder, of all its processes. */
export const run = inherited ?? passable(mkdtempSync(join(tmpdir(), "claudeway-tests-")));
if (inherited === undefined) {
  process.env[VARIABLE] = run;
  process.once("exit", () => rmSync(run, { recursive: true, force: true }));
}
const own = passable(mkdtempSync(join(run, "p-")));
shareCompiled();
process.env["TMPDIR"] = own;

/** The files that tsx has compiled are kept from run to run: compiling them is a tenth of the unit tests' work. */
function shareCompiled(): void {
  const name = `tsx-${process.geteuid?.()}`;
  const kept = join(tmpdir(), name);
  mkdirSync(kept, { recursive: true });
  symlinkSync(kept, join(own, name));
}

/** Some tests become another user, who must get as far as the folder that is about him. */
function passable(folder: string): string {
  chmodSync(folder, 0o711);
  return folder;
}

/** What Node, tsx and the CLI keep for all their processes of a user. */
const SHARED = /^(tsx-\d+|claude-\d+|cc-socks|node-compile-cache)$/;

/** Taken away after the tests. */
const lent: string[] = [];

/** A folder that nobody has to take away. */
export function temporaryFolder(prefix: string): string {
  const folder = mkdtempSync(join(own, prefix));
  lent.push(folder);
  return folder;
}

/** After the last test of a process, or of a file where files run side by side: nothing may be left. */
export const mochaHooks = {
  afterAll(): void {
    for (const folder of lent.splice(0)) rmSync(folder, { recursive: true, force: true });
    const left = readdirSync(own).filter((name) => !SHARED.test(name));
    // The next file of this process is not to be blamed for it.
    for (const name of left) rmSync(join(own, name), { recursive: true, force: true });
    if (left.length > 0) throw new Error(`temporary files are left: ${left.join(", ")}`);
  },
};
