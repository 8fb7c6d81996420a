// Invites with the Intent of matrix-appservice-bridge as it is told, and says how that went.
const { Intent } = require('matrix-appservice-bridge');
// The one that the bridge itself uses.
const { Appservice, MatrixError } = require('@vector-im/matrix-bot-sdk');
const { answerOf } = require('./answer-of.cjs');

process.on('message', async ({ what: { baseUrl, registration, inviter, roomId, userId } }) => {
  const appService = new Appservice({
    registration,
    homeserverUrl: baseUrl,
    homeserverName: 'example.org',
    port: 0,
    bindAddress: '127.0.0.1',
  });
  // The server has one endpoint only: none to register or join by.
  const options = { registered: true, dontJoin: true };
  const intent = new Intent(appService.getIntentForUserId(inviter), appService.botClient, options);
  process.send(await answerOf(() => intent.invite(roomId, userId), MatrixError));
});
