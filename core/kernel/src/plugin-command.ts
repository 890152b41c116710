/** A command of a plugin's own, which runs in a process of its own and asks the running gateway. */
export interface CommandCall {
  /** The words after the command. `parseArgs` of `node:util` reads flags among them. */
  readonly args: readonly string[];
  /** The gateway's address, without a slash at the end. */
  readonly url: string;
  /**
   * Sends a request with the admin's key to a path of the gateway, such as `/limits`, and resolves to the JSON of the
   * response. Rejects with one line if the gateway does not answer, or answers with an error.
   */
  request(path: `/${string}`, options?: CommandRequest): Promise<unknown>;
  /** The same for responses that are not JSON. Resolves for error statuses too. */
  fetch(path: `/${string}`, options?: CommandRequest): Promise<Response>;
  /** Prints one line, or several. */
  print(text: string): void;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface CommandRequest {
  /** Default: POST with a body, else GET. */
  readonly method?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
}

/**
 * Runs a command; the default export of the module that the `package.json` names. Resolves to the exit status, or nothing
 * for 0. If it rejects, the message is printed and the status is 1.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a command without a return statement answers void
export type PluginCommand = (call: CommandCall) => Promise<number | void>;

/** Declares a command. Only checks types; returns its argument. */
export function defineCommand(command: PluginCommand): PluginCommand {
  return command;
}
