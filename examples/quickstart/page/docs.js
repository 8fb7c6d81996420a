/** @import { Setup } from '../demo-api.ts' */
import { byId, make } from './dom.js';
import { landmarks, mend } from './swagger-ui.js';

/**
 * What of Swagger UI is used here; its script makes it a global.
 *
 * @typedef {(options: object) => { preauthorizeApiKey(scheme: string, token: string): void }} SwaggerUI
 */

/** @type {Setup} */
const setup = await (await fetch('/demo/setup')).json();
const tokens = setup.logins.flatMap(({ token }) => [' ', make('code', {}, token)]);
const [login] = setup.logins;

byId('tokens', HTMLElement).append(
  'Requests below go to this demo, with the first of its tokens. “Authorize” takes another one:',
  ...tokens,
  '.',
);

const darkScheme = matchMedia('(prefers-color-scheme: dark)');
const followScheme = () => document.documentElement.classList.toggle('dark-mode', darkScheme.matches);
darkScheme.addEventListener('change', followScheme);
followScheme();

const description = byId('description', HTMLElement);
new MutationObserver(() => mend(description)).observe(description, { childList: true, subtree: true });

const { SwaggerUIBundle } = /** @type {{ SwaggerUIBundle: SwaggerUI }} */ (/** @type {unknown} */ (window));
const viewer = SwaggerUIBundle({
  url: '/openapi.json',
  domNode: description,
  plugins: [landmarks],
  docExpansion: 'full',
  tryItOutEnabled: true,
  // It would send the description to another host.
  validatorUrl: null,
  onComplete: () => viewer.preauthorizeApiKey('accessTokenBearer', login?.token ?? ''),
});
