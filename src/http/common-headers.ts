import type { ServerResponse } from 'node:http';

/**
 * Sets what every answer bears, errors included.
 *
 * @param cors whether the CORS headers are ours to send (client-server API, "Web browser clients")
 */
export function setCommonHeaders(response: ServerResponse, cors: boolean): void {
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  if (!cors) return;
  response.setHeader('Access-Control-Allow-Origin', '*');
  response.setHeader('Access-Control-Allow-Methods', 'GET, POST, PUT, DELETE, OPTIONS');
  response.setHeader('Access-Control-Allow-Headers', 'X-Requested-With, Content-Type, Authorization');
  // Without it a browser hides the header from the page that has to wait.
  response.setHeader('Access-Control-Expose-Headers', 'Retry-After');
}
