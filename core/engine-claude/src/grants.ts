import { isDeepStrictEqual } from "node:util";
import type { SDKMessage } from "@anthropic-ai/claude-agent-sdk";
import type { GrantedCall } from "@claudeway/ports";
import type { PermissionDenial } from "@claudeway/schemas";

/** Lets calls through that a person approved: the same tool with the same input in the same folder, each once. */
export class Grants {
  readonly #open: GrantedCall[];
  readonly #ran: string[] = [];
  /** Calls that were made unasked, by id: the approved ones, as they were denied. */
  readonly #made = new Map<string, string>();

  constructor(granted: readonly GrantedCall[]) {
    this.#open = [...granted];
  }

  /**
   * Ids of the approved calls that the CLI was let to run, as they were denied.
   *
   * @param denials the turn's denied calls
   */
  ran(denials: readonly PermissionDenial[]): readonly string[] {
    const denied = new Set(denials.map(({ tool_use_id }) => tool_use_id));
    return [...this.#ran, ...[...this.#made].flatMap(([id, approved]) => (denied.has(id) ? [] : [approved]))];
  }

  /**
   * Consumes one approval of exactly this call, which then counts as run. False if none is left.
   *
   * @param cwd the shell's directory, if it is not the turn's working directory
   */
  take(tool: string, input: unknown, cwd: string | undefined): boolean {
    const call = this.#shift(tool, input, (approved) => cwd === approved.cwd);
    if (call === undefined) return false;
    this.#ran.push(call.toolUseId);
    return true;
  }

  /**
   * Receives every message of a CLI that makes calls unasked, with the bypass on. What it does not deny after all counts as run,
   * in whatever folder: that is not known.
   */
  hear(message: SDKMessage): void {
    if (message.type !== "assistant" || this.#open.length === 0) return;
    for (const block of message.message.content) {
      if (block.type !== "tool_use" || this.#made.has(block.id)) continue;
      const call = this.#shift(block.name, block.input);
      if (call !== undefined) this.#made.set(block.id, call.toolUseId);
    }
  }

  #shift(tool: string, input: unknown, isThere = (_: GrantedCall) => true): GrantedCall | undefined {
    const index = this.#open.findIndex(
      (approved) => tool === approved.tool && isThere(approved) && isDeepStrictEqual(approved.input, input),
    );
    return index === -1 ? undefined : this.#open.splice(index, 1)[0];
  }
}
