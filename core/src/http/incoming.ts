import { IncomingMessage } from "node:http";
import type { GatewayError } from "../errors.js";

/** A request as the gateway's server makes it. */
export class IncomingRequest extends IncomingMessage {
  /** Why it is refused before anything else of it is looked at. */
  refusal: GatewayError | undefined;
}
