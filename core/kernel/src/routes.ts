import type Router from "@koa/router";
import type { TapOwner } from "./calling/guard.js";
import type { MountOptions, PathsObject } from "./plugin.js";

/** Routes of one plugin below one prefix. */
export interface Mount {
  /** Such as `/reports`, without a trailing slash. */
  readonly prefix: string;
  readonly plugin: string;
  readonly router: Router;
  /** Calls code of the plugin. */
  readonly enter: TapOwner["enter"];
  readonly auth: NonNullable<MountOptions["auth"]>;
  readonly bodyBytes?: MountOptions["bodyBytes"] | undefined;
  readonly isKnown?: MountOptions["isKnown"] | undefined;
  readonly cors?: MountOptions["cors"] | undefined;
  readonly errors?: MountOptions["errors"] | undefined;
  readonly challenge?: MountOptions["challenge"] | undefined;
  /** The OpenAPI description; paths are relative to the prefix. */
  readonly openapi: PathsObject;
  /** False while the plugin restarts, or if the restart failed: requests get 503. */
  readonly running: boolean;
}

/** The prefixes of all plugins at the moment. The object stays the same while its content changes. */
export class RouteTable {
  #mounts: ReadonlyMap<string, Mount> = new Map();
  #depth = 0;

  /** The mount with the longest prefix of the path; case-sensitive, whole segments only. */
  match(path: string): Mount | undefined {
    // No prefix has more segments, so a path of ten thousand slashes costs no more than a short one.
    let head = firstSegments(path, this.#depth);
    while (head !== "") {
      const mount = this.#mounts.get(head);
      if (mount !== undefined) return mount;
      head = head.slice(0, head.lastIndexOf("/"));
    }
    return undefined;
  }

  /** All mounts, in the order of their plugins. */
  list(): readonly Mount[] {
    return [...this.#mounts.values()];
  }

  replaceAll(mounts: readonly Mount[]): void {
    this.#mounts = new Map(mounts.map((mount) => [mount.prefix, mount]));
    this.#depth = Math.max(0, ...mounts.map((mount) => segmentsOf(mount.prefix)));
  }
}

// Segments of only dots never arrive: clients resolve them as parent directories.
const PREFIX = /^(?:\/(?!\.+(?:\/|$))[A-Za-z0-9._~-]+)+$/;

/** Throws unless `prefix` has one or more plain segments and no trailing slash. */
export function checkPrefix(prefix: string): void {
  if (typeof prefix !== "string" || !PREFIX.test(prefix)) {
    throw new TypeError(`prefix must be a path such as "/reports", got ${JSON.stringify(prefix)}`);
  }
}

/** Whether `path` is `prefix` itself or below it. */
export function isAtOrBelow(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`);
}

function segmentsOf(prefix: string): number {
  return prefix.split("/").length - 1;
}

function firstSegments(path: string, count: number): string {
  let end = 0;
  for (let segment = 0; segment < count && end < path.length; segment += 1) {
    const next = path.indexOf("/", end + 1);
    end = next === -1 ? path.length : next;
  }
  return path.startsWith("/") ? path.slice(0, end) : "";
}
