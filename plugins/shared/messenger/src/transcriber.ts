import { Calls, type CallsOptions } from "./calls.js";
import { MessengerFailure } from "./failures.js";
import { readWithin } from "./read-within.js";

export interface TranscriberOptions extends CallsOptions {
  /** A server with OpenAI's API for transcriptions, such as https://api.openai.com/v1/audio/transcriptions. */
  readonly url: string;
  readonly key: string | undefined;
  readonly model: string;
}

/** The settings of a plugin that transcribes voice messages. */
export interface TranscriberConfig {
  readonly transcribe_url?: string;
  readonly transcribe_key?: string;
  readonly transcribe_model: string;
}

/** Undefined if none is configured. */
export function transcriberOf({
  transcribe_url: url,
  transcribe_key: key,
  transcribe_model: model,
}: TranscriberConfig): Pick<TranscriberOptions, "url" | "key" | "model"> | undefined {
  return url === undefined ? undefined : { url, key, model };
}

const TIMEOUT_MS = 120_000;
const MAX_ANSWER = 1_000_000;

/** Turns voice messages into text, on a server that the operator names. */
export class Transcriber {
  readonly #calls: Calls;

  constructor(private readonly options: TranscriberOptions) {
    this.#calls = new Calls(options);
  }

  /** Rejects with a `MessengerFailure`. */
  transcribe(content: Buffer, mediaType: string): Promise<string> {
    const { url, key, model } = this.options;
    const form = new FormData();
    form.append("model", model);
    form.append("response_format", "json");
    const name = `voice.${mediaType.split("/")[1]?.replace(/\W.*/, "") ?? "ogg"}`;
    form.append("file", new Blob([new Uint8Array(content)], { type: mediaType }), name);
    const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
    return this.#calls.run("a transcription", "once", () =>
      this.#calls.within(TIMEOUT_MS, async (signal) => {
        const response = await fetch(url, { method: "POST", body: form, headers, redirect: "error", signal });
        const answer = await readWithin(response, MAX_ANSWER, "the transcriber's answer");
        if (!response.ok)
          throw new MessengerFailure("rejected", `the transcriber answered ${response.status}`);
        const parsed: unknown = JSON.parse(answer.toString());
        if (
          typeof parsed === "object" &&
          parsed !== null &&
          "text" in parsed &&
          typeof parsed.text === "string"
        )
          return parsed.text.trim();
        throw new MessengerFailure("rejected", "the transcriber answered without a text");
      }),
    );
  }
}
