// Adds the labels and landmarks for screen readers that Swagger UI lacks.

/** Components without a landmark, and names for them. */
const PARTS = {
  InfoContainer: 'About',
  ServersContainer: 'Server',
  AuthorizeBtnContainer: 'Login',
};

/** Fields without a name, or with a label that is not associated with them. */
const FIELDS = {
  '#servers': 'Server',
  'textarea.body-param__text': 'Request body',
  'select.content-type': 'Media type',
  '.close-modal': 'Close',
};

/**
 * A plugin (see `wrapComponents` in Swagger UI's docs) that turns each part into a region. The server gets a heading to
 * keep the levels in order: the title above it is an `h1`, and the operations below it are `h3`.
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
 * Fixes the elements that are on the page so far.
 *
 * @param {HTMLElement} description
 */
export function fixLabels(description) {
  for (const [selector, name] of Object.entries(FIELDS)) {
    for (const field of description.querySelectorAll(`${selector}:not([aria-label])`)) field.ariaLabel = name;
  }
  // It scrolls, so the keyboard must be able to focus it.
  for (const command of description.querySelectorAll('pre.curl')) command.setAttribute('tabindex', '0');
  // Voice control uses the visible text of a button, so its name must match.
  for (const button of description.querySelectorAll('.auth-btn-wrapper button'))
    button.removeAttribute('aria-label');
  // The headings above it have level 4.
  for (const heading of description.querySelectorAll('.auth-container h6')) heading.ariaLevel = '5';
}
