export { checkResponse } from './check-response.ts';
export { inviteDescription } from './description.ts';
