import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createTransport } from 'nodemailer';
import { SMTPServer } from 'smtp-server';

/** An email that has arrived. */
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

  /** Starts a server on a free port of 127.0.0.1. */
  static async start(): Promise<MailSink> {
    const sink = new MailSink();
    sink.#server.listen(0, '127.0.0.1');
    await once(sink.#server.server, 'listening');
    return sink;
  }

  get port(): number {
    return (this.#server.server.address() as AddressInfo).port;
  }

  /** Sends an email to itself by SMTP. Resolves when it has arrived. */
  async send(to: string, subject: string, body: string): Promise<void> {
    const transport = createTransport({ host: '127.0.0.1', port: this.port, ignoreTLS: true });
    await transport.sendMail({ from: 'identity@id.test', to, subject, text: body });
    transport.close();
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(resolve));
  }
}
