const HEADER_BYTES = 12;
/** Of an entry, before its path: times, ids, mode and size, an object's name, flags. */
const ENTRY_BYTES = 62;
const MODE_AT = 24;
const FLAGS_AT = 60;
const EXTENDED = 0x4000;
const GITLINK = 0o160000;

/** The paths of the submodules in an index of git's; undefined where it can't be read, or says only a part. */
export function submodulesIn(index: Buffer): string[] | undefined {
  if (index.length < HEADER_BYTES || index.toString("latin1", 0, 4) !== "DIRC") return undefined;
  const version = index.readUInt32BE(4);
  if (version < 2 || version > 4) return undefined;
  const found: string[] = [];
  let at = HEADER_BYTES;
  let path = "";
  for (let left = index.readUInt32BE(8); left > 0; left--) {
    if (at + ENTRY_BYTES > index.length) return undefined;
    const mode = index.readUInt32BE(at + MODE_AT);
    const start = at + ENTRY_BYTES + (index.readUInt16BE(at + FLAGS_AT) & EXTENDED ? 2 : 0);
    const kept = version === 4 ? readKept(index, start) : { from: start, drop: path.length };
    const end = index.indexOf(0, kept.from);
    if (end === -1) return undefined;
    path = path.slice(0, path.length - kept.drop) + index.toString("latin1", kept.from, end);
    if ((mode & 0o170000) === GITLINK) found.push(Buffer.from(path, "latin1").toString("utf8"));
    // Older versions fill an entry up to a multiple of eight bytes, with one NUL at least.
    at = version === 4 ? end + 1 : at + ((end - at + 8) & ~7);
  }
  // The rest of a split index is in another file.
  return index.toString("latin1", at, at + 4) === "link" ? undefined : found;
}

/** How many bytes at the end of the path before an entry's are not its own: git's variable-width number. */
function readKept(index: Buffer, start: number): { readonly from: number; readonly drop: number } {
  let from = start;
  let byte = index[from++] ?? 0;
  let drop = byte & 127;
  while (byte & 128) {
    byte = index[from++] ?? 0;
    drop = (drop + 1) * 128 + (byte & 127);
  }
  return { from, drop };
}
