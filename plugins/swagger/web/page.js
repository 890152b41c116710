// The document's URL is relative to this page, so that both can be served below any prefix.
const DOCUMENT = new URL("../openapi.json", document.location.href);

const form = document.querySelector("form");
const input = document.querySelector("#key");
const problem = document.querySelector("#problem");

/** Fetches the document, with a key if there is one, and shows it. Asks for a key if one is required. */
async function load(key) {
  problem.textContent = "";
  try {
    const response = await fetch(DOCUMENT, key ? { headers: { authorization: `Bearer ${key}` } } : {});
    if (response.status === 401) {
      form.hidden = false;
      if (key) problem.textContent = "This key is not valid.";
      input.focus();
      return;
    }
    const body = await response.json();
    if (!response.ok) throw new Error(body.error);
    form.hidden = true;
    show(body, key);
  } catch (error) {
    problem.textContent = `Cannot show the API document: ${error.message}`;
  }
}

function show(spec, key) {
  const { SwaggerUIBundle } = window;
  const ui = SwaggerUIBundle({
    spec: { ...spec, servers: spec.servers.map((server) => ({ ...server, url: absolute(server.url) })) },
    dom_id: "#ui",
    deepLinking: true,
    // Without this, Swagger UI would send the document to an online validator.
    validatorUrl: null,
    onComplete: () => key && ui.preauthorizeApiKey("bearer", key),
  });
}

/** Resolves a server URL relative to the document. */
function absolute(url) {
  return new URL(url, DOCUMENT).href.replace(/\/$/, "");
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void load(input.value.trim());
});

void load();
