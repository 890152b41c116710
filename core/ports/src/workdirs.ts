/** A folder that a request names, before it is checked. */
export interface WorkdirRequest {
  /** As the caller named it: a path, or a name that a plugin has a folder for, such as `repo:owner/name`. */
  readonly name: string;
  readonly field: "workdir" | "additional_dirs";
  readonly keyId: string;
  /** The session or one-shot task that is about to begin; undefined for `additional_dirs`. */
  readonly sessionId: string | undefined;
  /**
   * Where a folder made for that session alone belongs; it does not exist yet. A tap that makes it and returns this path
   * gives the session a folder of its own: other sessions are refused there, and it is removed with the session. A
   * one-shot task's folder stays until the plugin removes it, unless its turn was refused.
   */
  readonly ownFolder: string | undefined;
  /**
   * True: `name` is a path that was admitted before and is used again, for a turn or to serve its files: a link may have
   * taken its place since. A Refusal counts, an answer does not.
   */
  readonly admitted?: boolean;
}
