"use strict";

// The dialog scrolls to its last field. The other ways into the socket are none for a page: it can neither set that
// header nor upgrade, and the name and password would be out of sight above them.
const LogInAlone = {
  statePlugins: {
    auth: {
      wrapSelectors: {
        definitionsToAuthorize: (original) => (...given) =>
          original(...given).filter((scheme) => scheme.first().get("type") === "oauth2"),
      },
    },
  },
};

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
follow();
dark.addEventListener("change", follow);

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: false,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset].filter(Boolean),
  plugins: [LogInAlone],
  layout: "BaseLayout",
});
