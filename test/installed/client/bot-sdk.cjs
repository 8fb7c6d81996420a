// For each message, sends an invite with matrix-bot-sdk and returns the result.
const { MatrixClient, MatrixError } = require('matrix-bot-sdk');
const { resultOf } = require('./result-of.cjs');

process.on('message', async ({ params: { baseUrl, accessToken, roomId, userId } }) => {
  const client = new MatrixClient(baseUrl, accessToken);
  process.send(await resultOf(() => client.inviteUser(userId, roomId), MatrixError));
});
