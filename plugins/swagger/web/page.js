// The document is found beside this page, so that both may be served below any prefix.
const DOCUMENT = new URL("../openapi.json", document.location.href);

const form = document.querySelector("form");
const input = document.querySelector("#key");
const problem = document.querySelector("#problem");

/** Fetches the document, with a key if there is one, and shows it; asks for a key where it takes one. */
async function load(key) {
  problem.textContent = "";
  try {
    const response = await fetch(DOCUMENT, key ? { headers: { authorization: `Bearer ${key}` } } : {});
    if (response.status === 401) {
      form.hidden = false;
      if (key) problem.textContent = "This key is not known here.";
      input.focus();
      return;
    }
    const body = await response.json();
    if (!response.ok) throw new Error(body.error);
    form.hidden = true;
    show(body, key);
  } catch (error) {
    problem.textContent = `The API document can't be shown: ${error.message}`;
  }
}

function show(spec, key) {
  const { SwaggerUIBundle } = window;
  const ui = SwaggerUIBundle({
    spec: { ...spec, servers: spec.servers.map((server) => ({ ...server, url: absolute(server.url) })) },
    dom_id: "#ui",
    deepLinking: true,
    // Without this the document would be sent to a validator on the net.
    validatorUrl: null,
    onComplete: () => key && ui.preauthorizeApiKey("bearer", key),
  });
}

/** Where a server of the document is, seen from the document. */
function absolute(url) {
  return new URL(url, DOCUMENT).href.replace(/\/$/, "");
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void load(input.value.trim());
});

void load();
