/** The parts of the SDK that the server needs. Loaded with the first request: they cost more than the rest of a start. */
export async function loadSdk() {
  const [{ Server }, { WebStandardStreamableHTTPServerTransport }, { AjvJsonSchemaValidator }, types] =
    await Promise.all([
      import("@modelcontextprotocol/sdk/server/index.js"),
      import("@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js"),
      import("@modelcontextprotocol/sdk/validation/ajv"),
      import("@modelcontextprotocol/sdk/types.js"),
    ]);
  return {
    Server,
    Transport: WebStandardStreamableHTTPServerTransport,
    types,
    // Every server makes one of its own otherwise, which takes more memory than all else of a session.
    jsonSchemaValidator: new AjvJsonSchemaValidator(),
  };
}

export type Sdk = Awaited<ReturnType<typeof loadSdk>>;
