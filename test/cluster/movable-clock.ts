import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { debianProgram } from "../debian.js";

/** Where Debian has the library. */
const FOLDERS = "/usr/lib";

/** A wall clock that can be moved, of processes that are started with its environment. */
export class MovableClock {
  private constructor(
    private readonly file: string,
    private readonly library: string,
  ) {}

  /** @param file says what the clock shows; installs libfaketime where it is missing, and rejects where it can't */
  static async at(file: string): Promise<MovableClock> {
    await debianProgram({ names: ["faketime"], package: "faketime" });
    const library = readdirSync(FOLDERS)
      .map((folder) => `${FOLDERS}/${folder}/faketime/libfaketime.so.1`)
      .find((path) => existsSync(path));
    if (library === undefined) throw new Error(`faketime is there, its library is not, below ${FOLDERS}`);
    const clock = new MovableClock(file, library);
    clock.move("+0");
    return clock;
  }

  /** The monotonic clock stays as it is. */
  get environment(): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: this.library,
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_CACHE_DURATION: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      DONT_FAKE_MONOTONIC: "1",
      NO_FAKE_STAT: "1",
    };
  }

  /** @param offset from the true time, as in `+2d`; within a second */
  move(offset: string): void {
    writeFileSync(this.file, `${offset}\n`);
  }
}
