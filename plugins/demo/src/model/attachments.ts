import { isObject, type JsonObject } from "./json.js";

/**
 * An image or document in words: its type, its size and, for PNG and GIF, its dimensions. Undefined for other content
 * blocks (https://docs.anthropic.com/en/api/messages).
 */
export function describeAttachment({ type, source, title }: JsonObject): string | undefined {
  if (type !== "image" && type !== "document") return undefined;
  const what = type === "image" ? "an image" : "a document";
  const named = typeof title === "string" ? `${what} "${title}"` : what;
  if (!isObject(source)) return named;
  const { url, media_type: mediaType, data } = source;
  if (typeof url === "string") return `${named} at ${url}`;
  if (typeof data !== "string") return named;
  const bytes = Buffer.from(data, source["type"] === "base64" ? "base64" : "utf8");
  const size = `${named}: ${mediaType}, ${bytes.length} bytes`;
  const dimensions = dimensionsOf(bytes);
  return dimensions === undefined ? size : `${size}, ${dimensions} pixels`;
}

/** PNG: the chunk IHDR (https://www.w3.org/TR/png-3/#11IHDR). GIF: the logical screen (GIF89a, section 18). */
function dimensionsOf(bytes: Buffer): string | undefined {
  const start = bytes.toString("latin1", 0, 16);
  if (/^.PNG.{8}IHDR/s.test(start) && bytes.length >= 24)
    return `${bytes.readUInt32BE(16)} × ${bytes.readUInt32BE(20)}`;
  if (/^GIF8[79]a/.test(start) && bytes.length >= 10)
    return `${bytes.readUInt16LE(6)} × ${bytes.readUInt16LE(8)}`;
  return undefined;
}
