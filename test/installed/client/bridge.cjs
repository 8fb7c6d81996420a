// For each message, sends an invite with the Intent of matrix-appservice-bridge and returns the result.
const { Intent } = require('matrix-appservice-bridge');
// The SDK that the bridge itself uses.
const { Appservice, MatrixError } = require('@vector-im/matrix-bot-sdk');
const { resultOf } = require('./result-of.cjs');

process.on('message', async ({ params: { baseUrl, registration, inviter, roomId, userId } }) => {
  const appService = new Appservice({
    registration,
    homeserverUrl: baseUrl,
    homeserverName: 'example.org',
    port: 0,
    bindAddress: '127.0.0.1',
  });
  // The server has only the invite endpoint, so the bridge must not register or join.
  const options = { registered: true, dontJoin: true };
  const intent = new Intent(appService.getIntentForUserId(inviter), appService.botClient, options);
  process.send(await resultOf(() => intent.invite(roomId, userId), MatrixError));
});
