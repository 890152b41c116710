import { GatewayError } from "@claudeway/ports";

/** The maximum length of a request target, in bytes. Valid requests need less than a tenth of it. */
const MAX_TARGET_BYTES = 8192;
/** Koa parses the query in time quadratic in the number of parameters. */
const MAX_PARAMETERS = 100;

const ABSOLUTE = /^https?:\/\/([^/?#]+)/i;

/**
 * Normalises a request target (RFC 9112, 3.2) to path and query, without the scheme and host of the absolute form.
 * Throws BAD_REQUEST, or HEADERS_TOO_LARGE if it is too long.
 */
export function normalTarget(target: string): string {
  if (target.length > MAX_TARGET_BYTES) {
    throw new GatewayError(
      "HEADERS_TOO_LARGE",
      `the request target must be at most ${MAX_TARGET_BYTES} bytes, got ${target.length}`,
    );
  }
  const normal = originForm(target);
  if (normal.includes("#"))
    throw new GatewayError("BAD_REQUEST", "the request target must not have a fragment");
  checkQuery(normal);
  return normal;
}

/** The path of a target, even if the target is refused. */
export function pathOf(target: string): string {
  const end = target.indexOf("?");
  return end === -1 ? target : target.slice(0, end);
}

function originForm(target: string): string {
  if (target.startsWith("/") || target === "*") return target;
  const [prefix] = ABSOLUTE.exec(target) ?? [];
  if (prefix === undefined || !URL.canParse(prefix)) {
    throw new GatewayError(
      "BAD_REQUEST",
      `the request target must be a path such as /health, got ${JSON.stringify(target.slice(0, 80))}`,
    );
  }
  const rest = target.slice(prefix.length);
  return rest.startsWith("/") ? rest : `/${rest}`;
}

function checkQuery(target: string): void {
  const start = target.indexOf("?");
  if (start === -1) return;
  let count = 1;
  for (let at = target.indexOf("&", start); at !== -1; at = target.indexOf("&", at + 1)) count++;
  if (count > MAX_PARAMETERS) {
    throw new GatewayError(
      "BAD_REQUEST",
      `the query must have at most ${MAX_PARAMETERS} parameters, got ${count}`,
    );
  }
}
