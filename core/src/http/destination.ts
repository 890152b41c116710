import type { Kernel, Mount } from "@claudeway/kernel";
import { isLinkPath } from "../approvals/links.js";
import { isPage } from "./plugin-paths.js";

/** Which authentication a route requires. */
export type Access = Mount["auth"];

/** Where a request goes. */
export interface Destination {
  /** An upload is a file, with a limit of its own. */
  readonly to: "gateway" | "probe" | "link" | "upload" | "plugin";
  readonly access: Access;
  /** The routes of a plugin. */
  readonly mount?: Mount;
}

/** The path of a session's files: its id, and the path below its folder. */
export const FILE_ROUTE = /^\/session\/([^/]+)\/files(\/.*)?$/i;

const GATEWAY: Destination = { to: "gateway", access: "key" };
const PROBE: Destination = { to: "probe", access: "none" };
/** A page whose plugin is off: a browser has no key, and is to read why there is nothing. */
const MISSING_PAGE: Destination = { to: "gateway", access: "none" };
const LINK: Destination = { to: "link", access: "none" };
const UPLOAD: Destination = { to: "upload", access: "key" };

/** Browsers ask for the icon by themselves, without a key: that is not an attempt to log. It does not exist. */
const KEYLESS: ReadonlySet<string> = new Set(["/", "/health", "/ready", "/favicon.ico"]);

/** Where a request goes at the moment: plugins come and go. */
export function destinationOf(path: string, method: string | undefined, { routes }: Kernel): Destination {
  if (KEYLESS.has(path)) return PROBE;
  if (isLinkPath(path)) return LINK;
  const mount = routes.match(path);
  if (mount !== undefined) return { to: "plugin", access: mount.auth, mount };
  if (isPage(path)) return MISSING_PAGE;
  return method === "PUT" && FILE_ROUTE.test(path) ? UPLOAD : GATEWAY;
}
