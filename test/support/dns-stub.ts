import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { type Answer, decode, encode, type Question, type SrvData } from 'dns-packet';

/** The addresses of a name, or what happens to the query instead. */
export type DnsAnswer = readonly string[] | 'NXDOMAIN' | 'SERVFAIL' | 'silence';

/** The SRV records of a name, or what happens to the query instead. */
export type SrvAnswer = readonly SrvData[] | 'NXDOMAIN' | 'SERVFAIL' | 'silence';

const CODES = { NXDOMAIN: 3, SERVFAIL: 2 };

/** A DNS server on UDP that answers for addresses and SRV records. */
export class DnsStub {
  /** Returns the answer for a name. Of its addresses, those of the family that is asked for are sent. */
  answer: (name: string, type: 'A' | 'AAAA') => DnsAnswer = () => 'NXDOMAIN';
  /** Returns the SRV records of a name. */
  srv: (name: string) => SrvAnswer = () => 'NXDOMAIN';
  /** The queries that have arrived, such as `A id.example`. */
  readonly queries: string[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (message, { port, address }) => {
      const reply = this.#reply(message);
      if (reply !== undefined) socket.send(reply, port, address);
    });
  }

  /** Starts a server on a free port of 127.0.0.1. */
  static async start(): Promise<DnsStub> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new DnsStub(socket);
  }

  /** Its address for `dns.servers`. */
  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  async close(): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }

  #reply(message: Buffer): Buffer | undefined {
    const { id, questions: [question] = [] } = decode(message);
    if (question === undefined) return undefined;
    this.queries.push(`${question.type} ${question.name}`);
    const found = this.#find(question);
    if (found === 'silence') return undefined;
    return encode({
      type: 'response',
      id: id ?? 0,
      // Recursion is available.
      flags: 0x80 | (typeof found === 'string' ? CODES[found] : 0),
      questions: [question],
      answers: typeof found === 'string' ? [] : found,
    });
  }

  #find({ name, type }: Question): Answer[] | Exclude<DnsAnswer, readonly string[]> {
    if (type === 'SRV') {
      const found = this.srv(name);
      return typeof found === 'string' ? found : found.map((data) => ({ type, name, ttl: 0, data }));
    }
    if (type !== 'A' && type !== 'AAAA') return 'silence';
    const found = this.answer(name, type);
    if (typeof found === 'string') return found;
    return found
      .filter((address) => isIPv6(address) === (type === 'AAAA'))
      .map((data) => ({ type, name, ttl: 0, data }));
  }
}
