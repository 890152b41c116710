import { GatewayError } from "@claudeway/ports";
import type { FileDeleted } from "@claudeway/schemas";
import {
  type ByteRange,
  fileStream,
  namesOf,
  type OpenFile,
  rangeOf,
  receiveFile,
  type SessionFiles,
  type TransferSlots,
} from "@claudeway/workdirs";
import type Router from "@koa/router";
import type { Sessions } from "../../sessions.js";
import { refuseCompressed } from "../body.js";
import { callerOf, type GatewayContext, type GatewayState } from "../context.js";
import { FILE_ROUTE } from "../destination.js";
import { whenClosed } from "../exchanges.js";
import { isId } from "../ids.js";
import { pageOf } from "../query.js";

/**
 * What a model wrote is sent as bytes to be saved: a browser must neither run nor show it as a page of the gateway's.
 */
const SENT_AS = {
  "content-type": "application/octet-stream",
  "content-disposition": "attachment",
  "content-security-policy": "default-src 'none'; sandbox",
  "x-content-type-options": "nosniff",
  "cache-control": "private, no-cache",
  "accept-ranges": "bytes",
};

export interface FileParts {
  readonly sessions: Sessions;
  readonly files: SessionFiles;
  readonly slots: TransferSlots;
}

/** `/session/:id/files/*`: the files of a session's workdir. */
export function fileRoutes(router: Router<GatewayState>, { sessions, files, slots }: FileParts): void {
  const show = async (ctx: GatewayContext) => {
    const { session, names } = await target(ctx, sessions);
    const release = slots.take(callerOf(ctx).keyId);
    try {
      const found = await files.open(session, names, pageOf(ctx));
      if (!("handle" in found)) ctx.body = found;
      else await sendFile(ctx, found);
    } finally {
      // A body that is being sent counts until it is over.
      if (ctx.body !== undefined && ctx.method !== "HEAD") whenClosed(ctx.res, release);
      else release();
    }
  };
  router.get("/session/:id/files", show);
  router.get("/session/:id/files/*file_path", show);
  router.delete("/session/:id/files/*file_path", async (ctx) => {
    const { session, names } = await target(ctx, sessions);
    await files.remove(session, names);
    ctx.body = { deleted: true, path: names.join("/") } satisfies FileDeleted;
  });
}

/** Uploads to it. To be mounted before JSON bodies are parsed: a file is received as it is. */
export function uploadRoute(router: Router<GatewayState>, { sessions, files, slots }: FileParts): void {
  router.put("/session/:id/files/*file_path", async (ctx) => {
    const { session, names } = await target(ctx, sessions);
    refuseParts(ctx);
    const release = slots.take(callerOf(ctx).keyId);
    try {
      ctx.body = await files.put(session, names, (file) => receiveFile(ctx.req, file));
    } finally {
      release();
    }
  });
}

async function target(ctx: GatewayContext, sessions: Sessions) {
  const [, id = "", path = ""] = FILE_ROUTE.exec(ctx.path) ?? [];
  if (!isId(id)) throw new GatewayError("NOT_FOUND", "no such session");
  const session = await sessions.owned(callerOf(ctx), id, true);
  return { session, names: namesOf(path) };
}

async function sendFile(ctx: GatewayContext, file: OpenFile): Promise<void> {
  const { handle, size, modifiedAt, version } = file;
  let handed = false;
  try {
    const etag = `"${version}"`;
    ctx.set({ ...SENT_AS, etag, "last-modified": modifiedAt.toUTCString() });
    ctx.status = 200;
    if (ctx.fresh) {
      ctx.status = 304;
      return;
    }
    const range = isCurrent(ctx.get("if-range"), etag) ? rangeOf(ctx.get("range"), size) : undefined;
    if (range !== undefined) {
      ctx.status = 206;
      ctx.set("content-range", `bytes ${range.first}-${range.last}/${size}`);
    }
    const part = range ?? { first: 0, last: size - 1 };
    if (ctx.method === "HEAD") ctx.length = lengthOf(part);
    else {
      sendPart(ctx, file, part);
      handed = true;
    }
  } finally {
    if (!handed) await handle.close();
  }
}

function sendPart(ctx: GatewayContext, { handle }: OpenFile, part: ByteRange): void {
  const body = fileStream(handle, part);
  // The rest was promised: without it the reader has to see that the answer broke off.
  body.once("error", () => ctx.res.destroy());
  ctx.body = body;
  ctx.length = lengthOf(part);
  ctx.set(SENT_AS);
}

function lengthOf({ first, last }: ByteRange): number {
  return last - first + 1;
}

/** Whether a range may be given: an earlier version of the file must not be continued with this one. */
function isCurrent(ifRange: string, etag: string): boolean {
  return ifRange === "" || ifRange === etag;
}

/** A file is sent whole, as it is. */
function refuseParts(ctx: GatewayContext): void {
  if (ctx.get("content-range") !== "") {
    throw new GatewayError("BAD_REQUEST", "Content-Range must not be sent: a file is uploaded whole");
  }
  refuseCompressed(ctx);
}
