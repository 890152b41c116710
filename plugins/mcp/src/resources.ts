import { isUtf8 } from "node:buffer";
import { extname } from "node:path";
import type { Caller, FileList, SessionFile, SessionRecord, SessionsView } from "@claudeway/core";
import { RPC_CODES, RpcError } from "./rpc-error.js";

/** Sessions on a page of the list, and files of each folder that are listed. */
const SESSIONS_LISTED = 10;
const FILES_LISTED = 200;

const URI = /^claudeway:\/\/sessions\/([0-9a-f-]{36})\/files(?:\/(.*))?$/;
export const URI_TEMPLATE = "claudeway://sessions/{session_id}/files/{+path}";

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".csv": "text/csv",
  ".gif": "image/gif",
  ".html": "text/html",
  ".jpeg": "image/jpeg",
  ".jpg": "image/jpeg",
  ".js": "text/javascript",
  ".json": "application/json",
  ".md": "text/markdown",
  ".pdf": "application/pdf",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain",
  ".webp": "image/webp",
  ".xml": "application/xml",
};

export interface ResourceParts {
  readonly sessions: Pick<SessionsView, "get" | "list" | "readFile">;
  readonly maxBytes: number;
}

/** The files of a key's sessions, as MCP resources. */
export class Resources {
  constructor(private readonly parts: ResourceParts) {}

  /** The files at the top of the workdirs of some sessions, newest first. */
  async list({ keyId }: Caller, cursor: string | undefined) {
    const page = pageOf(cursor);
    const { sessions } = this.parts;
    const found = await sessions.list({ keyId, page, limit: SESSIONS_LISTED });
    const resources = [];
    // One by one: few folders of a key may be open at once.
    for (const session of found.sessions) resources.push(...(await this.#filesOf(session)));
    const isLast = page * SESSIONS_LISTED >= found.total;
    return { resources, ...(isLast ? {} : { nextCursor: String(page + 1) }) };
  }

  /** A file; of a folder, a list of what is in it. */
  async read({ keyId }: Caller, uri: string) {
    const [, id, path = ""] = URI.exec(uri) ?? [];
    const session = id === undefined ? undefined : await this.parts.sessions.get(id);
    if (session === undefined || session.keyId !== keyId) throw notFound(uri);
    const found = await this.#open(session.id, path);
    if (found === undefined) throw notFound(uri);
    if ("entries" in found) return { contents: [folderOf(session, uri, found)] };
    const content = Buffer.from(found.content);
    const mimeType = TYPES[extname(path).toLowerCase()];
    const isText = isUtf8(content) && !content.includes(0);
    return {
      contents: [
        isText
          ? { uri, mimeType: mimeType ?? "text/plain", text: content.toString() }
          : { uri, mimeType: mimeType ?? "application/octet-stream", blob: content.toString("base64") },
      ],
    };
  }

  async #filesOf(session: SessionRecord) {
    const name = session.title ?? session.id.slice(0, 8);
    try {
      const found = await this.#open(session.id, "");
      if (found === undefined || !("entries" in found)) return [];
      return entriesOf(session, found).map((entry) => ({ ...entry, title: `${name}: ${entry.name}` }));
    } catch (error) {
      // The files of some folders are not served, and a folder may be gone.
      const status = error instanceof Error && "status" in error ? error.status : undefined;
      if (status === 403 || status === 404) return [];
      throw error;
    }
  }

  #open(sessionId: string, path: string): Promise<FileList | SessionFile | undefined> {
    const { sessions, maxBytes } = this.parts;
    return sessions.readFile(sessionId, path, { page: 1, limit: FILES_LISTED, maxBytes });
  }
}

function folderOf(session: SessionRecord, uri: string, found: FileList) {
  return {
    uri,
    mimeType: "application/json",
    text: JSON.stringify({ entries: entriesOf(session, found), total: found.total }),
  };
}

/** The files and folders of a folder. Links are never followed, so they are left out. */
function entriesOf({ id }: SessionRecord, { path, entries }: FileList) {
  const folder = path === "" ? [] : path.split("/");
  return entries.flatMap(({ name, type, size, modified_at: lastModified }) => {
    if (type !== "file" && type !== "folder") return [];
    const below = [...folder, name].map(encodeURIComponent).join("/");
    const mimeType = type === "folder" ? "application/json" : TYPES[extname(name).toLowerCase()];
    return [
      {
        uri: `claudeway://sessions/${id}/files/${below}`,
        name: type === "folder" ? `${name}/` : name,
        ...(mimeType !== undefined && { mimeType }),
        ...(size !== null && { size }),
        annotations: { lastModified },
      },
    ];
  });
}

function pageOf(cursor: string | undefined): number {
  if (cursor === undefined) return 1;
  if (/^[1-9]\d{0,6}$/.test(cursor)) return Number(cursor);
  throw new RpcError(RPC_CODES.invalidParams, "cursor must be the nextCursor of an earlier list");
}

function notFound(uri: string): RpcError {
  return new RpcError(RPC_CODES.resourceNotFound, `no such resource: ${uri.slice(0, 500)}`);
}
