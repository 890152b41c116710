import { existsSync, mkdirSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const GROUPS = "/sys/fs/cgroup/blkio";
/** Writes that reach the disk, a second. */
const SLOW_WRITES = 4;

/**
 * A disk that becomes slow for some processes: the kernel lets only a few of their writes a second reach the device, so
 * that each flush takes some hundred ms and waits for those before it.
 */
export class SlowDisk {
  private constructor(
    private readonly group: string,
    private readonly device: string,
  ) {}

  /** For what is written below this folder. Undefined where the kernel has no such limits for its device. */
  static of(folder: string): SlowDisk | undefined {
    if (!existsSync(GROUPS) || process.getuid?.() !== 0) return undefined;
    const group = join(GROUPS, `claudeway-${process.pid}-${Math.floor(Math.random() * 1e6)}`);
    mkdirSync(group);
    const { dev } = statSync(folder);
    const disk = new SlowDisk(group, `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`);
    try {
      disk.restore();
      return disk;
    } catch {
      rmdirSync(group);
      return undefined;
    }
  }

  /** What a command is started with, to be slowed down with all that it starts. */
  get prefix(): readonly string[] {
    return ["sh", "-c", `echo $$ > ${join(this.group, "cgroup.procs")} && exec "$@"`, "sh"];
  }

  slow(): void {
    this.#limit(SLOW_WRITES);
  }

  restore(): void {
    this.#limit(0);
  }

  /** Its processes must have ended. */
  close(): void {
    rmdirSync(this.group);
  }

  #limit(writes: number): void {
    writeFileSync(join(this.group, "blkio.throttle.write_iops_device"), `${this.device} ${writes}`);
  }
}
