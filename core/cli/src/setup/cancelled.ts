/** The setup was cancelled with Ctrl-C. */
export class SetupCancelled extends Error {
  override readonly name = "SetupCancelled";

  constructor() {
    super("setup cancelled; nothing was written");
  }
}
