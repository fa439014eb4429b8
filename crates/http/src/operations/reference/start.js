// The root of the service, even below the prefix of a gateway.
const base = new URL(".", document.baseURI);

SwaggerUIBundle({
  dom_id: "#reference",
  url: new URL("openapi.json", base).href,
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null, // the default sends the document to a third party
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
