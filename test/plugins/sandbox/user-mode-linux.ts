import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { debianProgram } from "../../debian.js";
import { temporaryFolder } from "../../temporary.js";
import { USER } from "./hostile-caller.js";

const CHECKOUT = fileURLToPath(new URL("../../..", import.meta.url));
const ENDED = "the script has ended";

/** What every script needs: the file systems of the kernel, and memory where something can be written. */
const FILE_SYSTEMS = `
export PATH=${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/tmp
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /dev/shm /dev/pts
mount -t devpts devpts /dev/pts
for d in /tmp /run /dev/shm; do mount -t tmpfs tmpfs $d; done
ip link set lo up
cd ${JSON.stringify(CHECKOUT)}
`;

/**
 * Runs a script of bash as root on a kernel of its own, a process that needs no privileges: with cgroups of version 2 and
 * all controllers, whatever this machine has. It sees the files of this machine, and can't change them. Resolves to what it
 * printed.
 */
export async function onOwnKernel(script: string, memoryMib: number): Promise<string> {
  const linux = await debianProgram({ names: ["linux.uml"], package: "user-mode-linux" });
  const folder = temporaryFolder("kernel-");
  const init = join(folder, "init");
  const off = "echo o > /proc/sysrq-trigger; sleep 60";
  writeFileSync(init, `#!/bin/bash\n${FILE_SYSTEMS}\n(\n${script}\n)\necho ${ENDED}\n${off}\n`);
  chmodSync(init, 0o755);
  chmodSync(folder, 0o755);
  if (USER !== undefined) chownSync(folder, USER, USER);
  const consoles = ["con=null", "con0=null,fd:1"];
  const child = spawn(
    linux,
    ["rootfstype=hostfs", "rootflags=/", "ro", `mem=${memoryMib}M`, `init=${init}`, "quiet", ...consoles],
    {
      env: { HOME: folder, TMPDIR: folder, PATH: process.env["PATH"] },
      stdio: ["ignore", "pipe", "ignore"],
      ...(USER !== undefined && { uid: USER, gid: USER }),
    },
  );
  let output = "";
  child.stdout.on("data", (data) => {
    output += data;
  });
  await once(child, "close");
  if (!output.includes(ENDED)) throw new Error(`the kernel ended early: ${output}`);
  return output.replaceAll("\r", "");
}
