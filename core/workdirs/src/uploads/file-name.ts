import { GatewayError } from "@claudeway/ports";

/** No file system has longer names. */
const MAX_NAME_BYTES = 255;

/**
 * A file's name as a client sent it in a form. Throws BAD_REQUEST unless it is one plain name: it is never cut or changed,
 * so that a file is stored under the name it was sent with.
 */
export function checkedFileName(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  if (/[/\\\x00-\x1f\x7f\ufffd]/.test(name))
    throw refusal("have no slashes, backslashes and control characters", name);
  if (name === "." || name === "..") throw refusal('not be "." or ".."', name);
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) throw refusal(`have at most ${MAX_NAME_BYTES} bytes`, name);
  return name;
}

function refusal(must: string, name: string): GatewayError {
  return new GatewayError(
    "BAD_REQUEST",
    `the file's name must ${must}, got ${JSON.stringify(name.slice(0, 200))}`,
  );
}
