/** The folders that Claude works in: who may use which, their files, and what tools and git run there by themselves. */
export { type AttachmentRoom, withFiles } from "./attached-files.js";
export { copyFolder } from "./files/copy-folder.js";
export { fileStream, receiveFile } from "./files/file-body.js";
export { type FileContent, readFileContent } from "./files/file-content.js";
export { fileError } from "./files/file-errors.js";
export { namesOf } from "./files/file-path.js";
export { type ByteRange, rangeOf } from "./files/range.js";
export { runNamesIn } from "./files/run-files.js";
export { type OpenFile, SessionFiles } from "./files/session-files.js";
export { TransferSlots } from "./files/transfer-slots.js";
export { makeFolder } from "./make-folder.js";
export { mentionedFiles } from "./mentioned-files.js";
export { mayRunRepositoryCode, runsRepositoryCode } from "./repositories/commands.js";
export { trustedFolder } from "./trusted-workdirs.js";
export { readsOthersFolder } from "./unasked-reads.js";
export { requestOf } from "./uploads/form-request.js";
export { type StoreFiles, Uploads } from "./uploads/upload.js";
export { type WorkdirOptions, Workdirs } from "./workdirs.js";
