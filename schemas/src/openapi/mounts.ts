import { isObject } from "../json-schema.js";
import { errorsOf } from "./errors.js";
import { METHODS, type Method, type Part } from "./types.js";

/** What plugins say of their routes, brought into the document's form. */
export interface PluginParts {
  readonly paths: Readonly<Record<string, Part>>;
  /** Schemas and security schemes that they bring along. */
  readonly components: Readonly<Record<"schemas" | "securitySchemes", Part>>;
}

/** A mount as the document needs it. */
export interface DocumentedMount {
  /** `/reports`: no slash at the end. */
  readonly prefix: string;
  /** Whose routes these are. */
  readonly plugin: string;
  /** Who gets in: any key, only the admin's, or everybody. */
  readonly auth: "key" | "admin" | "none";
  /** Path items, by the path below the prefix; may be empty. */
  readonly openapi: Readonly<Record<string, Part>>;
  /** The routes themselves, for a mount that does not describe them. */
  readonly router: { readonly stack: readonly DocumentedRoute[] };
}

interface DocumentedRoute {
  readonly path: string | RegExp;
  readonly methods: readonly string[];
}

/** The paths of every mount. A plugin may say what it likes: what is no path is left out and harms nothing else. */
export function pluginParts(mounts: readonly DocumentedMount[]): PluginParts {
  const told = mounts.map((mount) => ({
    ...mount,
    openapi: Object.keys(mount.openapi).length > 0 ? mount.openapi : undescribed(mount),
  }));
  return {
    paths: Object.fromEntries(told.flatMap(pathsOf)),
    components: { schemas: brought(told, "schemas"), securitySchemes: brought(told, "securitySchemes") },
  };
}

/** What mounts bring along under `x-components`; the first of a name wins. */
function brought(mounts: readonly DocumentedMount[], kind: "schemas" | "securitySchemes"): Part {
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

/** What the gateway knows of an operation of a plugin's stands where the plugin says nothing. */
function completeOperation(operation: Part, { mount, method, path }: Place): Part {
  const errors = errorsOf([
    "HEADERS_TOO_LARGE",
    "UNAVAILABLE",
    "INTERNAL_ERROR",
    ...("requestBody" in operation
      ? (["BAD_REQUEST", "PAYLOAD_TOO_LARGE", "TOO_MANY_REQUESTS"] as const)
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

/** The routes of a mount that says nothing of them. */
function undescribed({ router }: DocumentedMount): DocumentedMount["openapi"] {
  const paths = new Map<string, Record<string, unknown>>();
  for (const { path, methods } of router.stack) {
    if (typeof path !== "string" || !PLAIN.test(path)) continue;
    const names = [...path.matchAll(PARAMETER)].map(([, name = ""]) => name);
    const told = path.replaceAll(PARAMETER, "{$1}");
    const own = methods.map((name) => name.toLowerCase()).filter((name) => isMethod(name) && name !== "head");
    const item = Object.fromEntries(own.map((method) => [method, undescribedOperation(names)]));
    paths.set(told, { ...paths.get(told), ...item });
  }
  return Object.fromEntries(paths);
}

/** A router's path without wildcards and optional parts: only such a one can be told in a document. */
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
    responses: { default: { description: "The plugin does not say." } },
  };
}

function isMethod(key: string): key is Method {
  return METHODS.some((method) => method === key);
}
