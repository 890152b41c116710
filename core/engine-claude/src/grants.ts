import { isDeepStrictEqual } from "node:util";
import type { GrantedCall } from "@claudeway/ports";

/** Lets calls through that a person approved: the same tool with the same input in the same folder, each once. */
export class Grants {
  readonly #open: GrantedCall[];
  readonly #ran: string[] = [];

  constructor(granted: readonly GrantedCall[]) {
    this.#open = [...granted];
  }

  /** Ids of the approved calls that the CLI was let to run, as they were denied. */
  get ran(): readonly string[] {
    return this.#ran;
  }

  /**
   * Consumes one approval of exactly this call, which then counts as run. False if none is left.
   *
   * @param cwd the shell's directory, if it is not the turn's working directory
   */
  take(tool: string, input: unknown, cwd: string | undefined): boolean {
    const index = this.#open.findIndex(
      (approved) =>
        tool === approved.tool && cwd === approved.cwd && isDeepStrictEqual(approved.input, input),
    );
    const [call] = index === -1 ? [] : this.#open.splice(index, 1);
    if (call === undefined) return false;
    this.#ran.push(call.toolUseId);
    return true;
  }
}
