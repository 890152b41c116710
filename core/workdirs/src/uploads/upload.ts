import { randomUUID } from "node:crypto";
import { createReadStream, rmSync } from "node:fs";
import { mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { GatewayError } from "@claudeway/ports";
import type { ContentBlock } from "@claudeway/schemas";
import { MAX_ATTACHED_BYTES, MAX_FILE_BYTES, mediaBlock } from "../attached-files.js";
import { writeAll } from "../files/file-body.js";
import type { FileOwner, SessionFiles } from "../files/session-files.js";
import { type FormRequest, type ReceivedFile, type ReceivedForm, receiveForm } from "./receive-form.js";

/** Of a file that begins in another way, the rest need not be read to know that it is no image and no PDF document. */
const HEAD_BYTES = 16;

/** The files of forms that are being received, each form in a folder of its own below one that is the gateway's. */
export class Uploads {
  /** @param folder what an earlier gateway left in it is removed */
  constructor(private readonly folder: string) {
    rmSync(folder, { recursive: true, force: true });
  }

  /** Receives a form. Where that fails, nothing of it is left; afterwards it is the caller's to remove. */
  async receive(form: FormRequest): Promise<Upload> {
    const folder = join(this.folder, randomUUID());
    await mkdir(folder, { recursive: true, mode: 0o700 });
    try {
      return await Upload.of(folder, await receiveForm(form, folder));
    } catch (error) {
      await removeFolder(folder);
      throw error;
    }
  }
}

/** Stores the files of a prompt in the workdir of its session or task. */
export type StoreFiles = (session: FileOwner) => Promise<void>;

/** What a form brought. */
export class Upload {
  private constructor(
    private readonly folder: string,
    private readonly form: ReceivedForm,
    /** The images and PDF documents that go to the model with the prompt. */
    private readonly media: readonly ContentBlock[],
    /** The files to be stored in the workdir. */
    private readonly stored: readonly ReceivedFile[],
  ) {}

  /** Throws BAD_REQUEST for two files of the same name that are to be stored. */
  static async of(folder: string, form: ReceivedForm): Promise<Upload> {
    const media: ContentBlock[] = [];
    const stored: ReceivedFile[] = [];
    let left = MAX_ATTACHED_BYTES;
    for (const file of form.files) {
      const block = file.size <= Math.min(left, MAX_FILE_BYTES) ? await mediaOf(file) : undefined;
      if (block === undefined) stored.push(file);
      else {
        media.push(block);
        left -= file.size;
      }
    }
    const names = stored.map(({ name }) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined)
      throw new GatewayError("BAD_REQUEST", `two files have the name ${JSON.stringify(twice)}`);
    return new Upload(folder, form, media, stored);
  }

  get fields(): ReadonlyMap<string, string> {
    return this.form.fields;
  }

  /** Equal for equal forms, however their parts were separated. */
  get digest(): string {
    const files = this.form.files.map(({ name, digest }) => [name, digest]);
    return JSON.stringify([[...this.form.fields], files]);
  }

  /** A prompt with the files before it, since a slash command must be last. Any other prompt than text or blocks stays. */
  withFiles(prompt: unknown): unknown {
    const names = this.stored.map(({ name }) => JSON.stringify(name)).join(", ");
    const note = names === "" ? [] : [textBlock(`Files uploaded to the working directory: ${names}`)];
    const files = [...this.media, ...note];
    if (files.length === 0) return prompt;
    if (typeof prompt === "string" && prompt.trim() !== "") return [...files, textBlock(prompt)];
    return Array.isArray(prompt) ? [...files, ...prompt] : prompt;
  }

  /**
   * Stores the files in the session's workdir, by the rules of `SessionFiles.put`, and removes what is left of the form.
   * Where one is refused, those that were new are removed again.
   */
  async storeIn(files: SessionFiles, session: FileOwner): Promise<void> {
    const made: string[] = [];
    try {
      for (const { name, path } of this.stored) {
        const write = (target: Parameters<typeof writeAll>[1]) => writeAll(createReadStream(path), target);
        const { created } = await files.put(session, [name], write);
        if (created) made.push(name);
      }
    } catch (error) {
      for (const name of made) await files.remove(session, [name]).catch(() => undefined);
      throw error;
    } finally {
      await this.remove();
    }
  }

  /** Removes the files that were not stored. */
  remove(): Promise<void> {
    return removeFolder(this.folder);
  }
}

async function mediaOf({ path }: ReceivedFile): Promise<ContentBlock | undefined> {
  const file = await open(path);
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0);
    if (mediaBlock(head.subarray(0, bytesRead)) === undefined) return undefined;
  } finally {
    await file.close();
  }
  return mediaBlock(await readFile(path));
}

function textBlock(text: string): ContentBlock {
  return { type: "text", text };
}

function removeFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 3 });
}
