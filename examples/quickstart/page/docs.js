/** @import { Setup } from '../demo-api.ts' */
import { byId, make } from './dom.js';
import { fixLabels, landmarks } from './swagger-ui.js';

/**
 * The part of Swagger UI's API that this page uses. Swagger UI's script defines it as a global.
 *
 * @typedef {(options: object) => { preauthorizeApiKey(scheme: string, token: string): void }} SwaggerUI
 */

/** @type {Setup} */
const setup = await (await fetch('/demo/setup')).json();
const tokens = setup.logins.flatMap(({ token }) => [' ', make('code', {}, token)]);
const [login] = setup.logins;

byId('tokens', HTMLElement).append(
  'The requests below go to this demo with its first access token. Use “Authorize” to choose another token:',
  ...tokens,
  '.',
);

const darkScheme = matchMedia('(prefers-color-scheme: dark)');
const followScheme = () => document.documentElement.classList.toggle('dark-mode', darkScheme.matches);
darkScheme.addEventListener('change', followScheme);
followScheme();

const description = byId('description', HTMLElement);
new MutationObserver(() => fixLabels(description)).observe(description, { childList: true, subtree: true });

const { SwaggerUIBundle } = /** @type {{ SwaggerUIBundle: SwaggerUI }} */ (/** @type {unknown} */ (window));
const viewer = SwaggerUIBundle({
  url: '/openapi.json',
  domNode: description,
  plugins: [landmarks],
  docExpansion: 'full',
  tryItOutEnabled: true,
  // The validator would send the description to another host.
  validatorUrl: null,
  onComplete: () => viewer.preauthorizeApiKey('accessTokenBearer', login?.token ?? ''),
});
