import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** The state of a socket that listens, in /proc/net/tcp. */
const LISTENING = "0A";

/**
 * Whether this process listens on the port, as /proc tells; false where it tells nothing: on other systems than Linux, and
 * of another user's process.
 */
export function listensOn(pid: number, port: number): boolean {
  const sockets = new Set(["tcp", "tcp6"].flatMap((table) => listeningSockets(table, port)));
  return sockets.size > 0 && openFiles(pid).some((target) => sockets.has(target));
}

/** What a descriptor of each socket leads to that listens on the port. */
function listeningSockets(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return readTable(table).flatMap((line) => {
    const { 1: local = "", 3: state, 9: inode } = line.trim().split(/\s+/);
    return local.endsWith(suffix) && state === LISTENING ? [`socket:[${inode}]`] : [];
  });
}

function readTable(name: string): string[] {
  try {
    return readFileSync(`/proc/net/${name}`, "utf8").split("\n");
  } catch {
    // No such table: no IPv6, or no Linux.
    return [];
  }
}

function openFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).map((name) => readlinkSync(`${folder}/${name}`));
  } catch {
    // Gone, or another user's.
    return [];
  }
}
