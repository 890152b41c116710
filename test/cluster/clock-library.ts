import { existsSync, readdirSync, writeFileSync } from "node:fs";

/** Where Debian's package libfaketime has its library. */
function find(): string | undefined {
  const folders = existsSync("/usr/lib")
    ? readdirSync("/usr/lib").map((name) => `/usr/lib/${name}/faketime`)
    : [];
  return folders.map((folder) => `${folder}/libfaketime.so.1`).find((file) => existsSync(file));
}

/** The library that moves the wall clock of a process; undefined where it is not installed. */
export const CLOCK_LIBRARY = find();

/** What a process needs in its environment, so that `file` moves its wall clock. Its monotonic clock stays. */
export function movableClock(file: string): Readonly<Record<string, string>> {
  if (CLOCK_LIBRARY === undefined) return {};
  writeFileSync(file, "+0\n");
  return {
    LD_PRELOAD: CLOCK_LIBRARY,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_CACHE_DURATION: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    DONT_FAKE_MONOTONIC: "1",
    NO_FAKE_STAT: "1",
  };
}
