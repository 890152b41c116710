/** Somebody left the setup with Ctrl-C. */
export class SetupCancelled extends Error {
  override readonly name = "SetupCancelled";

  constructor() {
    super("the setup was left; nothing was written");
  }
}
