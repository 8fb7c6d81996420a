// What Swagger UI leaves out for people who hear the page.

/** Parts that are in no landmark, and what to call them. */
const PARTS = {
  InfoContainer: 'About',
  ServersContainer: 'Server',
  AuthorizeBtnContainer: 'Login',
};

/** What has no name, or a label that is not tied to it. */
const FIELDS = {
  '#servers': 'Server',
  'textarea.body-param__text': 'Request body',
  'select.content-type': 'Media type',
  '.close-modal': 'Close',
};

/**
 * A plugin (its documented `wrapComponents`) that makes each part a region. The server's heading is there for the order:
 * the title before it is an `h1`, and the operations after it are `h3`.
 */
export function landmarks() {
  return {
    wrapComponents: Object.fromEntries(
      Object.entries(PARTS).map(([component, name]) => [component, wrapper(component, name)]),
    ),
  };
}

/**
 * @typedef {{ createElement(type: unknown, props?: object | null, ...children: unknown[]): unknown }} React
 *
 * @param {string} component
 * @param {string} name
 */
function wrapper(component, name) {
  return (/** @type {unknown} */ Original, /** @type {{ React: React }} */ { React }) =>
    (/** @type {object} */ props) =>
      React.createElement(
        'section',
        { 'aria-label': name },
        component === 'ServersContainer' && React.createElement('h2', { className: 'unseen' }, name),
        React.createElement(Original, props),
      );
}

/**
 * Mends what is on the page by now.
 *
 * @param {HTMLElement} description
 */
export function mend(description) {
  for (const [selector, name] of Object.entries(FIELDS)) {
    for (const field of description.querySelectorAll(`${selector}:not([aria-label])`)) field.ariaLabel = name;
  }
  // It scrolls, and no key would reach it.
  for (const command of description.querySelectorAll('pre.curl')) command.setAttribute('tabindex', '0');
  // Who speaks to the page says what stands on a button, not another name.
  for (const button of description.querySelectorAll('.auth-btn-wrapper button'))
    button.removeAttribute('aria-label');
  // Its headings above are of level 4.
  for (const heading of description.querySelectorAll('.auth-container h6')) heading.ariaLevel = '5';
}
