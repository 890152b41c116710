import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { GatewayError, messageOf } from "@claudeway/ports";
import type { Busboy, BusboyInstance } from "@fastify/busboy";
import { fileError } from "../files/file-errors.js";
import { checkedFileName } from "./file-name.js";

/** The part that has the whole request as JSON. Clients may send it with a file name. */
export const REQUEST_PART = "request";

const MAX_FILES = 20;
const MAX_FIELDS = 64;
const MAX_FIELD_NAME_BYTES = 100;
/** Lines and bytes of the headers of one part. */
const MAX_HEADERS = 20;
const MAX_HEADER_BYTES = 16 * 1024;

/** A file of a form, in a temporary folder. */
export interface ReceivedFile {
  /** As the client named it. */
  readonly name: string;
  /** Where it is. */
  readonly path: string;
  readonly size: number;
  /** SHA-256, in hexadecimal. */
  readonly digest: string;
}

export interface ReceivedForm {
  readonly fields: ReadonlyMap<string, string>;
  readonly files: readonly ReceivedFile[];
}

export interface FormRequest {
  readonly request: IncomingMessage;
  /** Ends the reading of the request with an error, without closing its connection. */
  readonly refuse: (problem: GatewayError) => void;
  /** Bytes of all fields together. */
  readonly maxFieldBytes: number;
}

/**
 * Reads a `multipart/form-data` request (RFC 7578): its files go into the folder as they come. Throws BAD_REQUEST for a
 * malformed or broken off form and for a file name that is no plain name, PAYLOAD_TOO_LARGE for too many parts.
 */
export async function receiveForm(form: FormRequest, folder: string): Promise<ReceivedForm> {
  // With the first form: a start does without.
  const { Busboy: Parser } = await import("@fastify/busboy");
  const receiving = new Receiving(form, folder, Parser);
  return receiving.run();
}

class Receiving {
  readonly #fields = new Map<string, string>();
  readonly #files: Promise<ReceivedFile>[] = [];
  readonly #stop = new AbortController();
  readonly #parser: BusboyInstance;
  #fieldBytes = 0;
  /** The first problem, which counts. */
  #problem: unknown;

  constructor(
    private readonly form: FormRequest,
    private readonly folder: string,
    Parser: typeof Busboy,
  ) {
    this.#parser = parserOf(form, Parser);
    this.#parser.on("field", (name, value, isNameCut, isCut) => this.#field(name, value, isNameCut || isCut));
    this.#parser.on("file", (_field, stream, name) => this.#file(stream, name));
    this.#parser.on("filesLimit", () => this.#refuse(tooLarge(`at most ${MAX_FILES} files`)));
    this.#parser.on("fieldsLimit", () => this.#refuse(tooLarge(`at most ${MAX_FIELDS} fields`)));
  }

  async run(): Promise<ReceivedForm> {
    try {
      await this.#parsed();
      const files = await Promise.all(this.#files);
      return { fields: this.#fields, files };
    } catch (error) {
      this.form.request.unpipe(this.#parser);
      this.#stop.abort();
      await Promise.allSettled(this.#files);
      throw this.#problem ?? error;
    }
  }

  #parsed(): Promise<void> {
    const { request } = this.form;
    return new Promise((resolve, reject) => {
      this.#stop.signal.addEventListener("abort", () => reject(this.#problem), { once: true });
      this.#parser.once("finish", resolve);
      this.#parser.once("error", (error) => this.#refuse(malformed(messageOf(error))));
      const fail = (error: Error) =>
        reject(error instanceof GatewayError ? error : brokenOff(messageOf(error)));
      const left = () => request.readableEnded || fail(request.errored ?? new Error("the client has gone"));
      request.once("error", fail).once("close", left);
      // There is no event for a client that has left already.
      if (request.destroyed) left();
      request.pipe(this.#parser);
    });
  }

  #field(name: string, value: string, isCut: boolean): void {
    this.#fieldBytes += Buffer.byteLength(value);
    const { maxFieldBytes } = this.form;
    if (isCut || this.#fieldBytes > maxFieldBytes)
      this.#refuse(tooLarge(`fields of at most ${maxFieldBytes} bytes`));
    else if (this.#fields.has(name))
      this.#refuse(malformed(`the field ${JSON.stringify(name)} must be sent once`));
    else this.#fields.set(name, value);
  }

  #file(stream: Readable, name: string | undefined): void {
    if (this.#problem !== undefined || name === undefined || name === "") {
      // A form of a browser has an empty part without a name for a file that was not chosen.
      stream.once("data", () => this.#refuse(malformed("a file must have a name")));
      return;
    }
    const path = join(this.folder, String(this.#files.length));
    const writing = this.#write(stream, name, path);
    // The parser waits for the rest of the file to be read.
    writing.catch((error: unknown) => this.#refuse(fileError(error) ?? error));
    this.#files.push(writing);
  }

  async #write(stream: Readable, given: string, path: string): Promise<ReceivedFile> {
    const name = checkedFileName(given);
    const hash = createHash("sha256");
    let size = 0;
    const watched = async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        size += chunk.length;
        yield chunk;
      }
    };
    const target = createWriteStream(path, { flags: "wx", mode: 0o600 });
    await pipeline(stream, watched, target, { signal: this.#stop.signal });
    return { name, path, size, digest: hash.digest("hex") };
  }

  #refuse(problem: unknown): void {
    if (this.#problem !== undefined || this.#stop.signal.aborted) return;
    this.#problem = problem;
    if (problem instanceof GatewayError) this.form.refuse(problem);
    this.#stop.abort();
  }
}

function parserOf({ request, maxFieldBytes }: FormRequest, Parser: typeof Busboy): BusboyInstance {
  try {
    return new Parser({
      headers: { ...request.headers, "content-type": request.headers["content-type"] ?? "" },
      // The name is checked whole, instead of being cut at slashes.
      preservePath: true,
      isPartAFile: (name, _type, fileName) => name !== REQUEST_PART && fileName !== undefined,
      limits: {
        fieldNameSize: MAX_FIELD_NAME_BYTES,
        fieldSize: maxFieldBytes,
        fields: MAX_FIELDS,
        files: MAX_FILES,
        headerPairs: MAX_HEADERS,
        headerSize: MAX_HEADER_BYTES,
      },
    });
  } catch (error) {
    throw malformed(messageOf(error));
  }
}

function malformed(why: string): GatewayError {
  return new GatewayError("BAD_REQUEST", `the form is invalid: ${why}`);
}

function brokenOff(why: string): GatewayError {
  return new GatewayError("BAD_REQUEST", `the body broke off: ${why}`);
}

function tooLarge(must: string): GatewayError {
  return new GatewayError("PAYLOAD_TOO_LARGE", `the form must have ${must}`);
}
