import { GatewayError } from "@claudeway/ports";

/** Names in a path, and bytes of a name: no file system has longer ones. */
const MAX_NAMES = 100;
const MAX_NAME_BYTES = 255;

/**
 * The names of a path below the workdir, as a URL has it: percent-encoded, with slashes between. None: the workdir
 * itself. Throws BAD_REQUEST for whatever is not plainly a path below it.
 */
export function namesOf(encoded: string): string[] {
  const path = encoded.replace(/^\//, "").replace(/\/$/, "");
  if (path === "") {
    if (encoded.length > 1) throw refusal("have no empty names", encoded);
    return [];
  }
  const names = path.split("/").map((name) => decoded(name, encoded));
  if (names.length > MAX_NAMES) throw refusal(`have at most ${MAX_NAMES} names`, encoded);
  return names;
}

function decoded(encoded: string, path: string): string {
  const name = decode(encoded, path);
  if (name === "") throw refusal("have no empty names", path);
  if (name === "." || name === "..") throw refusal('not contain "." or ".."', path);
  if (/[/\0]/.test(name)) throw refusal("have names without slashes and null characters", path);
  if (Buffer.byteLength(name) > MAX_NAME_BYTES)
    throw refusal(`have names of at most ${MAX_NAME_BYTES} bytes`, path);
  return name;
}

function decode(encoded: string, path: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw refusal("be percent-encoded UTF-8", path);
  }
}

function refusal(must: string, path: string): GatewayError {
  return new GatewayError(
    "BAD_REQUEST",
    `the file's path must ${must}, got ${JSON.stringify(path.slice(0, 200))}`,
  );
}
