// The service's own paths, where they are below a prefix of a gateway, too.
const base = new URL(".", document.baseURI);

SwaggerUIBundle({
  dom_id: "#reference",
  url: new URL("openapi.json", base).href,
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null, // the default one would send the document to somebody else
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
