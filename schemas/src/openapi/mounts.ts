import { isObject } from "../json-schema.js";
import { errorsOf } from "./errors.js";
import { METHODS, type Method, type Part } from "./types.js";

/** The plugins' own descriptions of their routes, in the form of the document. */
export interface PluginParts {
  readonly paths: Readonly<Record<string, Part>>;
  /** The schemas and security schemes that plugins define. */
  readonly components: Readonly<Record<"schemas" | "securitySchemes", Part>>;
}

/** The properties of a mount that the document uses. */
export interface DocumentedMount {
  /** Such as `/reports`, without a trailing slash. */
  readonly prefix: string;
  /** The plugin that owns the routes. */
  readonly plugin: string;
  /** Who is admitted: any key, only the admin's, or anyone. */
  readonly auth: "key" | "admin" | "none";
  /** Path items, by the path below the prefix; may be empty. */
  readonly openapi: Readonly<Record<string, Part>>;
  /** The routes themselves, used if the mount has no description. */
  readonly router: { readonly stack: readonly DocumentedRoute[] };
}

interface DocumentedRoute {
  readonly path: string | RegExp;
  readonly methods: readonly string[];
}

/** Collects the paths of every mount. Entries of a plugin that are not valid paths are left out. */
export function pluginParts(mounts: readonly DocumentedMount[]): PluginParts {
  const described = mounts.map((mount) => ({
    ...mount,
    openapi: Object.keys(mount.openapi).length > 0 ? mount.openapi : undescribed(mount),
  }));
  return {
    paths: Object.fromEntries(
      described.flatMap((mount) => pathsOf(mount).filter(([path]) => !isCovered(path, mount, mounts))),
    ),
    components: {
      schemas: componentsOf(described, "schemas"),
      securitySchemes: componentsOf(described, "securitySchemes"),
    },
  };
}

/** Whether requests to a path of the mount go to another one, with a longer prefix. */
function isCovered(path: string, { prefix }: DocumentedMount, mounts: readonly DocumentedMount[]): boolean {
  return mounts.some(
    (other) => other.prefix.length > prefix.length && `${path}/`.startsWith(`${other.prefix}/`),
  );
}

/** Collects what mounts define under `x-components`; the first of each name wins. */
function componentsOf(mounts: readonly DocumentedMount[], kind: "schemas" | "securitySchemes"): Part {
  const found: Record<string, unknown> = {};
  for (const { openapi } of mounts) {
    const parts = openapi["x-components"]?.[kind];
    for (const [name, part] of Object.entries(isObject(parts) ? parts : {})) found[name] ??= part;
  }
  return found;
}

function pathsOf(mount: DocumentedMount): [string, Part][] {
  return Object.entries(mount.openapi).flatMap(([path, item]): [string, Part][] => {
    if (!path.startsWith("/") || !isObject(item)) return [];
    const full = path === "/" ? mount.prefix : mount.prefix + path;
    const operations = Object.entries(item).flatMap(([method, operation]) =>
      isMethod(method) && isObject(operation)
        ? [[method, completeOperation(operation, { mount, method, path: full })] as const]
        : [],
    );
    const shared = Object.entries(item).filter(([key]) => !isMethod(key));
    return operations.length === 0 ? [] : [[full, Object.fromEntries([...shared, ...operations])]];
  });
}

interface Place {
  readonly mount: DocumentedMount;
  readonly method: Method;
  readonly path: string;
}

/** Completes an operation of a plugin with defaults for what the plugin does not describe. */
function completeOperation(operation: Part, { mount, method, path }: Place): Part {
  const errors = errorsOf([
    "HEADERS_TOO_LARGE",
    "UNAVAILABLE",
    "INTERNAL_ERROR",
    ...("requestBody" in operation
      ? (["BAD_REQUEST", "PAYLOAD_TOO_LARGE", "TOO_MANY_REQUESTS", "BAD_GATEWAY"] as const)
      : []),
    ...(mount.auth === "none"
      ? []
      : (["UNAUTHORIZED", "FORBIDDEN", "TOO_MANY_REQUESTS", "refusal"] as const)),
  ]);
  const { responses } = operation;
  return {
    operationId: `${mount.plugin}_${method}${path.replaceAll(/[^A-Za-z0-9]+/g, "_")}`.replace(/_$/, ""),
    summary: `${method.toUpperCase()} ${path}`,
    tags: [mount.plugin],
    ...(mount.auth === "none" && { security: [] }),
    ...operation,
    responses: { ...errors, ...(isObject(responses) ? responses : {}) },
  };
}

/** Describes the routes of a mount that has no description of its own. */
function undescribed({ router }: DocumentedMount): DocumentedMount["openapi"] {
  const paths = new Map<string, Record<string, unknown>>();
  for (const { path, methods } of router.stack) {
    if (typeof path !== "string" || !PLAIN.test(path)) continue;
    const names = [...path.matchAll(PARAMETER)].map(([, name = ""]) => name);
    const template = path.replaceAll(PARAMETER, "{$1}");
    const own = methods.map((name) => name.toLowerCase()).filter((name) => isMethod(name) && name !== "head");
    const item = Object.fromEntries(own.map((method) => [method, undescribedOperation(names)]));
    paths.set(template, { ...paths.get(template), ...item });
  }
  return Object.fromEntries(paths);
}

/** A router path without wildcards and optional parts, which an OpenAPI document cannot express. */
const PLAIN = /^\/[^*{}()]*$/;
const PARAMETER = /:(\w+)/g;

function undescribedOperation(names: readonly string[]): Part {
  const parameters = names.map((name) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  return {
    ...(parameters.length > 0 && { parameters }),
    responses: { default: { description: "Not documented by the plugin." } },
  };
}

function isMethod(key: string): key is Method {
  return METHODS.some((method) => method === key);
}
