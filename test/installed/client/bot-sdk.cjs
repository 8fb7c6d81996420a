// Invites with matrix-bot-sdk as it is told, and says how that went.
const { MatrixClient, MatrixError } = require('matrix-bot-sdk');
const { answerOf } = require('./answer-of.cjs');

process.on('message', async ({ what: { baseUrl, accessToken, roomId, userId } }) => {
  const client = new MatrixClient(baseUrl, accessToken);
  process.send(await answerOf(() => client.inviteUser(userId, roomId), MatrixError));
});
