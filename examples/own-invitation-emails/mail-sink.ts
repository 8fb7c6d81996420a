import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';

/** A received email. */
export type Mail = { readonly to: readonly string[]; readonly source: string };

/** An SMTP server that keeps the emails. */
export class MailSink {
  readonly mails: Mail[] = [];
  readonly #server: SMTPServer;

  private constructor() {
    this.#server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onData: (stream, { envelope }, callback) => {
        const to = envelope.rcptTo.map(({ address }) => address);
        text(stream).then((source) => {
          this.mails.push({ to, source });
          callback();
        }, callback);
      },
    });
  }

  /** @param port of 127.0.0.1 */
  static async start(port: number): Promise<MailSink> {
    const sink = new MailSink();
    sink.#server.listen(port, '127.0.0.1');
    await once(sink.#server.server, 'listening');
    return sink;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(resolve));
  }
}
