import { type ContentBlock, Refusal } from "@claudeway/core";

const MAX_FILES = 20;
const MAX_TEXT = 200_000;
const IMAGES = ["image/png", "image/jpeg", "image/gif", "image/webp"] as const;
const PDF = "application/pdf";
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** The content of a prompt with files: images, PDF documents, and text, which the model reads with its name. */
export function contentOf(prompt: string, files: unknown): ContentBlock[] | undefined {
  if (files === undefined) return undefined;
  if (!Array.isArray(files) || files.length > MAX_FILES)
    throw new Refusal(400, `files must be a list of at most ${MAX_FILES} files`);
  if (files.length === 0) return undefined;
  const blocks = files.map(blockOf);
  return prompt === "" ? blocks : [...blocks, { type: "text", text: prompt }];
}

function blockOf(file: unknown): ContentBlock {
  const { name, media_type, data } = fieldsOf(file);
  if (typeof name !== "string" || name === "" || name.length > 255)
    throw new Refusal(400, "name of a file must be 1 to 255 characters");
  if (typeof data !== "string" || !BASE64.test(data))
    throw new Refusal(400, `data of ${JSON.stringify(name)} must be in base64, and not empty`);
  const image = IMAGES.find((type) => type === media_type);
  if (image !== undefined) return { type: "image", source: { type: "base64", media_type: image, data } };
  if (media_type === PDF) return { type: "document", source: { type: "base64", media_type: PDF, data } };
  return { type: "text", text: `File ${JSON.stringify(name)}:\n\n${textOf(name, data)}` };
}

function textOf(name: string, data: string): string {
  const bytes = Buffer.from(data, "base64");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Refusal(
      400,
      `${JSON.stringify(name)} must be text in UTF-8, an image (PNG, JPEG, GIF, WebP) or a PDF document`,
    );
  }
  if (text.includes("\0") || text.length > MAX_TEXT)
    throw new Refusal(400, `${JSON.stringify(name)} must be text of at most ${MAX_TEXT} characters`);
  return text;
}

function fieldsOf(file: unknown): Readonly<Record<string, unknown>> {
  if (typeof file === "object" && file !== null) return { ...file };
  throw new Refusal(400, "a file must be an object with name, media_type and data");
}
