import type { PageField } from "@claudeway/core";
import { get, patch, post, put, remove } from "../lib/api.js";

/** What a field of a form holds. */
export type Entry = string | boolean;

/** The form's first state. */
export function entriesOf(fields: readonly PageField[]): Record<string, Entry> {
  return Object.fromEntries(
    fields.map(({ name, type, value }) => [name, type === "yes_no" ? value === true : String(value ?? "")]),
  );
}

/** The body of the request; an empty field is left out. */
export function bodyOf(fields: readonly PageField[], entries: Readonly<Record<string, Entry>>): object {
  return Object.fromEntries(
    fields.flatMap((field) => {
      const value = sentValue(field, entries[field.name] ?? "");
      return value === undefined ? [] : [[field.name, value]];
    }),
  );
}

function sentValue({ type }: PageField, entry: Entry): unknown {
  if (typeof entry === "boolean") return entry;
  if (type === "list") {
    const lines = entry.split("\n").map((line) => line.trim());
    return lines.some((line) => line !== "") ? lines.filter((line) => line !== "") : undefined;
  }
  if (entry.trim() === "") return undefined;
  if (type === "number" || type === "integer") return Number(entry);
  return type === "time" ? `${entry.length === 16 ? `${entry}:00` : entry}Z` : entry;
}

/** Reads from a route of a plugin. A view that passes a count of changes loads again with each. */
export function read(path: string, _changes: number): Promise<unknown> {
  return get(below(path));
}

/** Sends a request to a route of a plugin. */
export function send(method: string, path: string, body: object): Promise<unknown> {
  const to = below(path);
  if (method === "DELETE") return remove(to);
  if (method === "PATCH") return patch(to, body);
  return method === "PUT" ? put(to, body) : post(to, body);
}

/** A description says `/admin/keys`; the gateway may be below a prefix of a proxy. */
function below(path: string): string {
  return path.replace(/^\/admin\//, "");
}
