import type Router from "@koa/router";
import type { TapOwner } from "./calling/guard.js";
import type { MountOptions, PathsObject } from "./plugin.js";

/** Routes of one plugin below one prefix. */
export interface Mount {
  /** `/reports`: no slash at the end. */
  readonly prefix: string;
  readonly plugin: string;
  readonly router: Router;
  /** Calls what is the plugin's own. */
  readonly enter: TapOwner["enter"];
  readonly auth: NonNullable<MountOptions["auth"]>;
  readonly bodyBytes?: MountOptions["bodyBytes"] | undefined;
  readonly isKnown?: MountOptions["isKnown"] | undefined;
  /** What the API document says of them; paths are below the prefix. */
  readonly openapi: PathsObject;
  /** False while the plugin restarts or after it failed to: answer 503, don't call the router. */
  readonly running: boolean;
}

/** Every prefix that plugins hold at this moment. The object stays the same while its content changes. */
export class RouteTable {
  #mounts: ReadonlyMap<string, Mount> = new Map();
  #depth = 0;

  /** The mount with the longest prefix that the path is at or below; case counts, whole segments only. */
  match(path: string): Mount | undefined {
    // No prefix has more segments than this: a path of ten thousand slashes costs no more than a short one.
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

// Segments of nothing but dots never arrive: clients take them for ways up.
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
