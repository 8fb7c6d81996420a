// Returns the result or the error of a call. The errors of all clients based on matrix-bot-sdk have the same shape.
exports.resultOf = async (call, MatrixError) => {
  try {
    return { result: await call() };
  } catch (error) {
    if (!(error instanceof MatrixError)) return { error: { notMatrixError: String(error) } };
    const { statusCode, errcode, body, retryAfterMs } = error;
    return { error: { statusCode, errcode, body, retryAfterMs } };
  }
};
