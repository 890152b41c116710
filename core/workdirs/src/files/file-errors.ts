import { GatewayError, retryLater } from "@claudeway/ports";
import { codeOf } from "./folder.js";

/** What a client gets for an error of the file system; undefined: a defect of ours. */
export function fileError(error: unknown): GatewayError | undefined {
  if (error instanceof GatewayError) return error;
  switch (codeOf(error)) {
    case "ENOENT":
    case "ENOTDIR":
      return noSuchFile();
    case "ELOOP":
      return isLink();
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new GatewayError("FORBIDDEN", "the gateway may not do that to this file");
    case "ENXIO":
    case "ENODEV":
      return notRegular();
    case "EISDIR":
      return new GatewayError("CONFLICT", "it is a folder");
    case "EEXIST":
      return new GatewayError("CONFLICT", "it was made by someone else meanwhile");
    case "ENOTEMPTY":
      return new GatewayError("CONFLICT", "the folder is not empty");
    case "ENAMETOOLONG":
      return new GatewayError("BAD_REQUEST", "the file's path is too long for the file system");
    case "EFBIG":
      return new GatewayError("PAYLOAD_TOO_LARGE", "the file is too large for the file system");
    case "ENOSPC":
    case "EDQUOT":
      return retryLater("the disk is full", 60);
    default:
      return undefined;
  }
}

export function noSuchFile(): GatewayError {
  return new GatewayError("NOT_FOUND", "no such file");
}

export function isLink(): GatewayError {
  return new GatewayError("FORBIDDEN", "it is a link, or lies behind one; links are not followed");
}

export function notRegular(): GatewayError {
  return new GatewayError("FORBIDDEN", "it is not a regular file");
}
