import { expect } from "chai";
import { debianProgram } from "../../debian.js";
import { onOwnKernel } from "./user-mode-linux.js";

/** Such a kernel is slow, and slower where the machine is busy. */
const TIMEOUT_MS = 900_000;
/** Enough for the tests, with sandboxes that fill what they may. */
const MEMORY_MIB = 1536;
const TESTS =
  "node node_modules/mocha/bin/mocha.js --reporter dot test/plugins/sandbox/kernel-cgroups.test.ts 2>&1";
/** As systemd does it with `Delegate=yes`. */
const DELEGATED = `
unit=/sys/fs/cgroup/unit.service
echo "+cpu +memory +pids" > /sys/fs/cgroup/cgroup.subtree_control
mkdir $unit
chown 65534:65534 $unit $unit/cgroup.procs $unit/cgroup.threads $unit/cgroup.subtree_control
echo $BASHPID > $unit/cgroup.procs
setpriv --reuid 65534 --regid 65534 --clear-groups ${TESTS}
`;

describe("the kernel's limits of a sandbox, on a kernel of the test's own", function () {
  this.timeout(TIMEOUT_MS);
  before(async () => {
    await debianProgram({ names: ["bwrap"], package: "bubblewrap" });
  });

  for (const { who, script } of [
    { who: "for a gateway that is root", script: TESTS },
    { who: "for a user with a delegated cgroup", script: DELEGATED },
  ]) {
    it(`hold ${who}`, async () => {
      const output = await onOwnKernel(script, MEMORY_MIB);
      expect(output).to.match(/\d+ passing/);
      expect(output).to.not.match(/failing|pending/);
    });
  }
});
