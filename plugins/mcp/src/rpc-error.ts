import { randomUUID } from "node:crypto";
import { errorIn } from "@claudeway/chat";
import type { MountError, PluginScope } from "@claudeway/core";

/** Codes of JSON-RPC and of MCP. */
export const RPC_CODES = {
  invalidRequest: -32600,
  invalidParams: -32602,
  internal: -32603,
  refused: -32000,
  notFound: -32001,
  resourceNotFound: -32002,
} as const;

/** An error of a request; the SDK answers with its code. */
export class RpcError extends Error {
  override readonly name = "RpcError";

  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** What a client may know of an error: that of the gateway's API, or only an id, which the log has too. */
export function shownError(
  error: unknown,
  log: PluginScope["log"],
): { readonly code: string; readonly message: string } {
  const known = errorIn(error);
  if (known !== undefined) return known;
  const id = randomUUID();
  log.error({ err: error, id }, "a request of an MCP client failed with an internal error");
  return { code: "INTERNAL_ERROR", message: `internal error; quote ${id}` };
}

/** The error of a request that is not a tool call. */
export function toRpcError(error: unknown, log: PluginScope["log"]): RpcError {
  if (error instanceof RpcError) return error;
  const { code, message } = shownError(error, log);
  if (code === "NOT_FOUND") return new RpcError(RPC_CODES.resourceNotFound, message);
  if (code === "BAD_REQUEST") return new RpcError(RPC_CODES.invalidParams, message);
  return new RpcError(code === "INTERNAL_ERROR" ? RPC_CODES.internal : RPC_CODES.refused, message);
}

/** The body of an error response below the prefix, core's own included. */
export function errorBody({ status, error: message, code: name, ...details }: MountError): object {
  const { notFound, internal, invalidRequest, refused } = RPC_CODES;
  const code =
    status === 404 ? notFound : status === 500 ? internal : status === 400 ? invalidRequest : refused;
  return { jsonrpc: "2.0", id: null, error: { code, message, data: { code: name, ...details } } };
}
