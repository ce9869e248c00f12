// npm oidc-provider in this process: told of the same clients as the started Pantry, at the same paths, with the same scopes
// and lives. Its pages are answered by nobody's hand: who is sent to sign in or to consent has done so. Owns no comparison.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";
import { redirectUri, scopes, world } from "../house.js";

const OPENID = ["openid", "profile", "email"];
/** What every app may ask for, and what is given where nothing is asked for. */
const USUAL = "user.read files.app_data";

function key(kty, options, alg) {
  return { ...generateKeyPairSync(kty, options).privateKey.export({ format: "jwk" }), alg, use: "sig" };
}

function client(app, more) {
  return {
    client_id: app.client_id,
    redirect_uris: [redirectUri],
    grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
    response_types: ["code"],
    ...more,
  };
}

const secret = (app) => ({ client_secret: app.client_secret, token_endpoint_auth_method: "client_secret_basic" });

function configuration(resource) {
  const about = { scope: scopes.filter((word) => !OPENID.includes(word)).join(" "), audience: resource, accessTokenFormat: "opaque" };
  return {
    clients: [
      client(world.confidential, secret(world.confidential)),
      client(world.es256, { ...secret(world.es256), id_token_signed_response_alg: "ES256" }),
      // The free port of a loopback address is a native app's there.
      client(world.public, { token_endpoint_auth_method: "none", application_type: "native" }),
    ],
    jwks: { keys: [key("rsa", { modulusLength: 2048 }, "RS256"), key("ec", { namedCurve: "P-256" }, "ES256")] },
    cookies: { keys: [randomBytes(32).toString("hex")], long: { signed: true, httpOnly: true, sameSite: "none" } },
    responseTypes: ["code"],
    scopes: OPENID,
    claims: { profile: ["name", "preferred_username"], email: ["email", "email_verified"] },
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId, email: world.email }) }),
    pkce: { required: (_, { clientAuthMethod }) => clientAuthMethod === "none" },
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    clientBasedCORS: () => true,
    enableHttpPostMethods: true,
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    features: {
      devInteractions: { enabled: false },
      deviceFlow: { enabled: true },
      introspection: { enabled: true, allowedPolicy: (_, { clientId, clientAuthMethod }, token) =>
        clientAuthMethod !== "none" && token.clientId === clientId },
      revocation: { enabled: true, allowedPolicy: (_, { clientId }, token) => token.clientId === clientId },
      pushedAuthorizationRequests: { enabled: true },
      rpInitiatedLogout: { enabled: false },
      resourceIndicators: {
        enabled: true,
        // A token for a resource does not open userinfo there; one that names no scope of the resource does.
        defaultResource: ({ oidc: { params } }) =>
          (params.scope ?? USUAL).split(" ").every((word) => OPENID.includes(word)) ? undefined : resource,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, indicator) => {
          if (indicator === resource) return about;
          throw new (class extends Error {
            error = "invalid_target";
            error_description = "no such resource";
            status = 400;
            statusCode = 400;
            expose = true;
            allow_redirect = true;
          })("invalid_target");
        },
      },
    },
    ttl: { AccessToken: 7200, AuthorizationCode: 60, DeviceCode: 600, Grant: 86400, IdToken: 3600, Interaction: 600,
      RefreshToken: 2592000, Session: 86400 },
    routes: Object.fromEntries(
      Object.entries({
        authorization: "authorize", code_verification: "device", device_authorization: "device-code",
        introspection: "introspect", jwks: "jwks", pushed_authorization_request: "par", revocation: "revoke",
        token: "token", userinfo: "userinfo",
      }).map(([name, path]) => [name, `/oauth/${path}`]),
    ),
  };
}

/** Signs the person in and consents for them to all that was asked for. */
async function answer(provider, resource, request, response) {
  const details = await provider.interactionDetails(request, response);
  if (request.headers["x-decision"] === "deny") {
    const denied = { error: "access_denied", error_description: "the person refused" };
    return provider.interactionFinished(request, response, denied);
  }
  const found = details.grantId && (await provider.Grant.find(details.grantId));
  const grant = found || new provider.Grant({ accountId: world.username, clientId: details.params.client_id });
  const words = (details.params.scope ?? USUAL).split(" ");
  grant.addOIDCScope(words.filter((word) => OPENID.includes(word)).join(" "));
  grant.addResourceScope(resource, words.filter((word) => !OPENID.includes(word)).join(" "));
  const result = { login: { accountId: world.username }, consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result);
}

/** Starts it on a free port of this machine. */
export async function start() {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const resource = `${issuer}/v1`;
  // What it says of a use that is none: its defaults, and the version of Node.
  console.info = console.warn = () => {};
  const provider = new Provider(issuer, configuration(resource));
  const others = provider.callback();
  server.on("request", (request, response) => {
    if (!request.url.startsWith("/interaction/")) return void others(request, response);
    answer(provider, resource, request, response).catch((error) => {
      response.writeHead(500).end(String(error?.stack ?? error));
    });
  });
  return { issuer, stop: () => server.close() };
}
