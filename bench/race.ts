/** Uses each of a few refresh tokens many times at once and counts what came of it. */
import { Connection } from './connection.ts';
import type { Contender } from './contenders.ts';
import { makeRefreshTokens, refreshRequest } from './rows.ts';

export interface Race {
  readonly contender: string;
  readonly tokens: number;
  readonly uses: number;
  /** Tokens for which more than one use was answered with tokens. */
  readonly accepted_more_than_once: number;
  /** Tokens out of which more than one refresh token came: the family has forked. */
  readonly forked: number;
  /** Tokens for which no use was answered with tokens. */
  readonly never_accepted: number;
  /** Answers other than 200 and 400. */
  readonly odd_answers: number;
}

export async function raceRefresh(
  contender: Contender,
  label: string,
  port: number,
  tokens: number,
  uses: number,
): Promise<Race> {
  const connections = Array.from({ length: uses }, () => new Connection(port));
  await Promise.all(connections.map((connection) => connection.open()));
  // The first round opens the server's connections to the database and is not counted.
  const [warm, ...raced] = await makeRefreshTokens(contender, port, tokens + 1);
  const use = (token: string) => {
    const request = refreshRequest(contender, token);
    return Promise.all(connections.map((connection) => connection.ask(request)));
  };
  await use(warm as string);
  let more = 0;
  let forked = 0;
  let never = 0;
  let odd = 0;
  for (const token of raced) {
    const answers = await use(token);
    const accepted = answers.filter(({ status }) => status === 200);
    const successors = new Set(accepted.map(({ body }) => JSON.parse(body).refresh_token));
    if (accepted.length > 1) more += 1;
    if (successors.size > 1) forked += 1;
    if (accepted.length === 0) never += 1;
    odd += answers.filter(({ status }) => status !== 200 && status !== 400).length;
  }
  for (const connection of connections) connection.close();
  return {
    contender: label,
    tokens,
    uses,
    accepted_more_than_once: more,
    forked,
    never_accepted: never,
    odd_answers: odd,
  };
}
