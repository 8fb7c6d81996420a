// What the clients of the family of matrix-bot-sdk say of a call: their errors have the same shape.
exports.answerOf = async (call, MatrixError) => {
  try {
    return { answer: await call() };
  } catch (error) {
    if (!(error instanceof MatrixError)) return { error: { notTyped: String(error) } };
    const { statusCode, errcode, body, retryAfterMs } = error;
    return { error: { statusCode, errcode, body, retryAfterMs } };
  }
};
