import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** The state of a listening socket in /proc/net/tcp. */
const LISTENING = "0A";

/**
 * Whether this process listens on the port, according to /proc. False if that is unknown: on systems other than Linux, and
 * for processes of other users.
 */
export function listensOn(pid: number, port: number): boolean {
  const sockets = new Set(["tcp", "tcp6"].flatMap((table) => listeningSockets(table, port)));
  return sockets.size > 0 && openFiles(pid).some((target) => sockets.has(target));
}

/** The link targets of descriptors of sockets that listen on the port. */
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
    // The table is missing: no IPv6, or not Linux.
    return [];
  }
}

function openFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).map((name) => targetOf(`${folder}/${name}`));
  } catch {
    // The process has ended, or belongs to another user.
    return [];
  }
}

/** Empty for a descriptor that was closed since it was listed. */
function targetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
